import type { PackedLinear } from '../quantization/dynamicLinear';
import type { QuantizedEngine } from '../quantization/engines';
import type { Scheme } from '../quantization/quantizeWeight';
import type { FloatTensor, Tensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';

/** The positional arguments of a forward, tuples flattened; undefined where Python would pass None. */
export type ModuleInputs = readonly (Tensor | undefined)[];

/** A module with its weights, ready to run. */
export interface RunnableModule {
  /** Names of what `forward` returns. */
  readonly outputs: readonly string[];
  /**
   * PyTorch's forward in evaluation mode with tuples flattened: an LSTM takes input, h0, c0 and
   * gives output, h_n, c_n. Indices are int64 or int32 tensors, everything else float32.
   */
  forward(inputs: ModuleInputs, context: ForwardContext): Tensor[];
}

/** A float module that quantize_dynamic replaces. */
export interface QuantizableModule extends RunnableModule {
  /** The float weights that become int8, by name. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[];
  /** The dynamic twin; `path` is the name that the run-time records carry. */
  toDynamic(path: string, engine: QuantizedEngine, scheme: Scheme): DynamicModule;
}

/** A dynamic module: its int8 weights in the order of the float module's state dict. */
export interface DynamicModule extends RunnableModule {
  /** How PyTorch keeps it in a file; `none` for modules that PyTorch has no dynamic twin of. */
  readonly stored: 'linear' | 'recurrent' | 'cell' | 'none';
  readonly products: readonly PackedLinear[];
  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[];
}
