import { dynamicTwin } from '../../nn/dynamicTwin';
import type { DynamicModule, QuantizableModule } from '../../nn/module';
import type { QuantizedEngine } from '../../quantization/engines';
import type { QConfigName } from '../../quantization/qconfigs';
import type { PyObject } from '../values/values';

/** A module that quantize_dynamic would replace, by its path in the tree. */
export interface Swap {
  readonly path: string;
  readonly engine: QuantizedEngine;
  readonly qconfig: QConfigName;
}

/**
 * Dynamic quantization inside a program: the products of a swapped module run on its dynamic
 * twin. Twins are made when their module first runs, from the weights it then has.
 */
export class Swaps {
  private readonly twins = new Map<PyObject, DynamicModule>();

  constructor(private readonly swapped: ReadonlyMap<PyObject, Swap> = new Map()) {}

  /** The dynamic twin of the module that is running, or undefined where it stays float. */
  twin(module: PyObject | undefined, float: () => QuantizableModule): DynamicModule | undefined {
    if (module === undefined) return undefined;
    const swap = this.swapped.get(module);
    if (swap === undefined) return undefined;
    let twin = this.twins.get(module);
    if (twin === undefined) {
      twin = dynamicTwin(float(), swap.path, swap.engine, swap.qconfig);
      if (twin === undefined) return undefined;
      this.twins.set(module, twin);
    }
    return twin;
  }

  /** Every twin that has run. */
  get used(): readonly DynamicModule[] {
    return [...this.twins.values()];
  }
}
