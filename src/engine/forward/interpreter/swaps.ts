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
  constructor(
    private readonly swapped: ReadonlyMap<PyObject, Swap> = new Map(),
    /** By weight: a traced cell is two products of one module. */
    private readonly twins = new Map<PyObject, Map<string, DynamicModule>>(),
  ) {}

  /** Those of some paths, with the same twins: no weight is quantized again. */
  only(chosen: (path: string) => boolean): Swaps {
    return new Swaps(new Map([...this.swapped].filter(([, { path }]) => chosen(path))), this.twins);
  }

  has(module: PyObject | undefined): module is PyObject {
    return module !== undefined && this.swapped.has(module);
  }

  /** The dynamic twin of a module, or of its product with one `weight`; undefined where it stays float. */
  twin(module: PyObject | undefined, float: () => QuantizableModule, weight = ''): DynamicModule | undefined {
    if (module === undefined) return undefined;
    const swap = this.swapped.get(module);
    if (swap === undefined) return undefined;
    const own = this.twins.get(module) ?? new Map<string, DynamicModule>();
    const known = own.get(weight);
    if (known !== undefined) return known;
    const twin = dynamicTwin(float(), swap.path, swap.engine, swap.qconfig);
    if (twin === undefined) return undefined;
    own.set(weight, twin);
    this.twins.set(module, own);
    return twin;
  }

  /** Every twin that has run. */
  get used(): readonly DynamicModule[] {
    return [...this.twins].flatMap(([module, twins]) => (this.swapped.has(module) ? [...twins.values()] : []));
  }
}
