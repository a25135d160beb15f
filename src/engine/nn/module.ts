import type { PackedLinear } from '../quantization/dynamicLinear';
import type { QuantizedEngine } from '../quantization/engines';
import type { HalfWeight } from '../quantization/halfWeight';
import type { EmbeddingBits, QuantizedTable } from '../quantization/quantizeEmbedding';
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
  /** The twin of float16_dynamic: weights in half precision, everything else float32. */
  toFloat16(): DynamicModule;
}

/** An embedding that float_qparams replaces by a table of 8 or 4 bits. */
export interface QuantizableTable extends RunnableModule {
  readonly weights: ReadonlyMap<string, Float32Array>;
  toTable(bits: EmbeddingBits): DynamicModule;
}

/** A module that quantize_dynamic made: its weights in the order of the float module's state dict. */
export interface DynamicModule extends RunnableModule {
  /** How PyTorch keeps it in a file; `none` for modules that PyTorch has no dynamic twin of. */
  readonly stored: 'linear' | 'recurrent' | 'cell' | 'table' | 'none';
  /** int8 weights; empty for half precision and tables. */
  readonly products: readonly PackedLinear[];
  /** Weights in half precision, in the order of the state dict. */
  readonly halves?: readonly HalfWeight[];
  /** Biases of the halves by the weight's name. */
  readonly biases?: ReadonlyMap<string, Float32Array>;
  readonly table?: QuantizedTable;
  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[];
}
