import type { AbortCheck } from '../../../core/abort';
import type { Kernels } from '../../kernels/kernels';
import type { QuantizedEngine } from '../../quantization/engines';
import type { Tap } from '../../quantization/tap';
import type { Generator } from '../../random/generator';
import type { PyObject } from '../values/values';
import type { Budget } from './budget';
import type { Frame } from './frame';
import type { Swaps } from './swaps';

/** What operators and functions share while a program runs. */
export interface Run {
  readonly budget: Budget;
  readonly kernels: Kernels;
  readonly abort: AbortCheck;
  readonly tap?: Tap;
  /** The modules whose products run in int8. */
  readonly swaps: Swaps;
  /** The modules whose forward is running, outermost first. */
  readonly modules: PyObject[];
  /** The paths of the model's modules, for the records of the tap. */
  readonly paths: ReadonlyMap<PyObject, string>;
  /** The engine whose arithmetic modules have that were quantized before they were saved. */
  readonly engine: QuantizedEngine;
  /** For torch.rand and its kin. */
  readonly generator: Generator;
  /** What print wrote. */
  readonly printed: string[];
  /** The calls that are running, innermost last: what the program can still reach. */
  readonly frames: Frame[];
  /** Calls inside calls. */
  depth: number;
  /** Set when the program drew random numbers, which the result then says. */
  usedRandom: boolean;
}
