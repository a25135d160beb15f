import type { EngineName } from './dto';
import type { RunnableDto } from './modelDto';
import type { ForwardPlanDto } from './planDto';
import type { QuantizeSpecDto } from './quantizeDto';

/** Forward passes: what runs, on which inputs, and every scale that was chosen. */

export interface ForwardRequestDto {
  /** Path of the module to run. */
  readonly module: string;
  /** Inputs are torch.randn of these shapes, drawn in order after manual_seed(seed). */
  readonly seed: number;
  readonly shapes: readonly (readonly number[])[];
  readonly engine: EngineName;
  readonly perChannel: boolean;
  /**
   * What is quantized, with the engine above; without it PyTorch's default. A single module that it
   * leaves in float32 is compared with its own int8 all the same.
   */
  readonly spec?: QuantizeSpecDto;
  /** Instead of random inputs: a file with arrays, or what a person typed. */
  readonly inputs?: GivenInputsDto | null;
  /** Timed runs of each model, after the warm-up. */
  readonly runs: number;
  readonly warmup: number;
  /** Threads that large products may be divided among; 1 unless said. The numbers do not depend on it. */
  readonly threads?: number;
  /** Names of intermediate values to give after the outputs; only of a graph. */
  readonly values?: readonly string[];
  /** Run the whole model by this class of a Python file or notebook; without it, by the archive's own code. */
  readonly source?: ModelSourceDto;
  /** Or by this plan, which is looked at again before it runs: for state dicts without code. */
  readonly plan?: ForwardPlanDto;
  /** Where to write output.0, … of the float model, or of the quantized one; whole models only. */
  readonly outputsFile?: { readonly path: string; readonly quantized: boolean };
}

/** What the whole model runs by: the file's own code where neither is given. */
export type WholeCodeDto = Pick<ForwardRequestDto, 'source' | 'plan'>;

/** The class that a checkpoint was saved from. */
export interface ModelSourceDto {
  /** A .py or .ipynb file. */
  readonly path: string;
  /** Null for the only nn.Module of the file. */
  readonly className: string | null;
  /** Arguments of `__init__` by name; what has no default and is not here is worked out from shapes. */
  readonly init: Readonly<Record<string, unknown>>;
  /** Folder from which imports are looked for, such as the workspace's; the file's own folder where it is not given. */
  readonly root?: string;
}

/** A class below nn.Module that a Python file or notebook defines. */
export interface ModuleClassDto {
  readonly path: string;
  readonly className: string;
  /** From 0, within the file or the cell. */
  readonly line: number;
  /** Which code cell of a notebook, from 0; null for a Python file. */
  readonly cell: number | null;
}

/** A whole model that can run: by its own code, by a class of a Python file, by a plan, or as an ONNX graph. */
export interface WholeModelDto {
  readonly by: 'archive' | 'source' | 'plan' | 'onnx';
  readonly className: string;
  /** Base name of the Python file or notebook; empty for the model's own code. */
  readonly file: string;
  /** Inputs to start from, proposed from the code and the shapes. */
  readonly inputs: RunnableDto['inputs'];
  /** Assumptions that a person should know. */
  readonly notes: readonly string[];
  /** Names of a graph’s values that can be asked for besides its outputs; the first of them. */
  readonly values?: readonly string[];
}

/** One output of a forward pass as a picture: its last axis are the columns. */
export interface OutputImageQueryDto {
  readonly request: ForwardRequestDto;
  readonly output: number;
  readonly layer: 'float' | 'int8' | 'error';
}

/** What of a forward pass is written to a .npz, or a .npy where it is one array. */
export type SavedArraysDto =
  /** All outputs, or one of them. */
  | { readonly kind: 'outputs'; readonly which: 'float' | 'int8' | 'both'; readonly output?: number }
  /** A product's input at every call and step: values, codes, scale and zero point. */
  | { readonly kind: 'activation'; readonly module: string; readonly weight: string }
  /** At one call and step: the values that were seen, or their codes, as one array. */
  | {
      readonly kind: 'step';
      readonly module: string;
      readonly weight: string;
      readonly call: number;
      readonly step: number;
      readonly which: 'values' | 'codes';
    };

export interface SaveForwardDto {
  readonly request: ForwardRequestDto;
  readonly what: SavedArraysDto;
  readonly target: string;
}

/** What running a whole model's own code showed besides its outputs. */
export interface ProgramRunDto {
  readonly steps: number;
  /** What the model printed. */
  readonly printed: readonly string[];
  /** Assumptions that a person should know. */
  readonly notes: readonly string[];
}

/** What a tokenizer is called where one lies beside a model. */
export const tokenizerName = 'tokenizer.json';

export type GivenInputsDto =
  | { readonly kind: 'file'; readonly path: string }
  /** Nested lists of numbers, one input a line. */
  | { readonly kind: 'literal'; readonly text: string }
  /** A text that this tokenizer.json turns into token ids. */
  | { readonly kind: 'text'; readonly text: string; readonly tokenizer: string };

/** Running an ONNX graph with ONNX Runtime. */
export interface OnnxForwardRequestDto {
  readonly seed: number;
  /** Of the inputs in order; where none is given, what `whole` proposes. */
  readonly shapes: readonly (readonly number[])[];
  /** Instead of random inputs: a file with arrays, or what a person typed. */
  readonly inputs: GivenInputsDto | null;
  /** Where to write output.0, …. */
  readonly outputsFile: string | null;
  /** Names of intermediate results to give after the outputs. */
  readonly values: readonly string[];
  /** Run the dynamically quantized graph too, on the same inputs. */
  readonly quantized?: boolean;
  /** Which nodes are; without it those that onnxruntime's quantize_dynamic takes. */
  readonly spec?: QuantizeSpecDto;
  /** 7-bit weights, as onnxruntime's reduce_range. */
  readonly reduceRange?: boolean;
  /** Write the quantized graph's outputs, not the float graph's. */
  readonly quantizedOutputs?: boolean;
  readonly runs: number;
  readonly warmup: number;
}

export interface OnnxForwardDto {
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[];
  readonly outputs: readonly OutputDto[];
  readonly latencyUs: LatencyDto;
  /** Where it was asked for; `accuracy` is that of the first output, `bytes` the size of the graph's file. */
  readonly quantized?: {
    readonly outputs: readonly OutputDto[];
    readonly latencyUs: LatencyDto;
    readonly accuracy: AccuracyDto;
    readonly bytes: number;
    readonly products: readonly ProductDto[];
  };
  /** Why float and quantized are one and the same graph: it was quantized before it was saved, or nothing of it is. */
  readonly same?: 'stored' | 'float';
}

export interface LatencyDto {
  /** Microseconds. */
  readonly median: number;
  readonly p95: number;
  readonly runs: number;
  readonly warmup: number;
  readonly threads: number;
}

export interface AccuracyDto {
  readonly meanAbsFloat: number;
  readonly meanAbsQuantized: number;
  readonly meanAbsDiff: number;
  readonly percent: number;
  readonly maxAbsDiff: number;
  readonly sqnrDb: number;
  readonly cosine: number;
}

/** One quantized product (a weight with its input) over the calls and time steps of a run. All arrays have one entry a quantization. */
export interface ProductDto {
  readonly module: string;
  readonly weight: string;
  /** What is quantized: "x" for the layer's input, "h" for the hidden state. */
  readonly input: string;
  readonly call: readonly number[];
  readonly step: readonly number[];
  readonly min: readonly number[];
  readonly max: readonly number[];
  readonly scale: readonly number[];
  readonly zeroPoint: readonly number[];
  /** Share of values that met the clamp, 0 to 1. */
  readonly clipped: readonly number[];
  readonly codesUsed: readonly number[];
  /** Values quantized at each entry. */
  readonly count: readonly number[];
  /** Share of neighbouring pairs of products that a 16-bit accumulator would have clipped, 0 to 1; empty where they are not counted. */
  readonly saturated16: readonly number[];
}

export interface OutputDto {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly mean: number;
  readonly meanAbs: number;
}

export interface ForwardResultDto {
  readonly module: string;
  readonly moduleType: string;
  readonly engine: EngineName;
  /** What the quantized modules are: `int8`, `float16`, …; joined by ` + ` where they differ. */
  readonly form: string;
  readonly seed: number;
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly outputs: readonly { readonly float: OutputDto; readonly quantized: OutputDto }[];
  readonly accuracy: AccuracyDto;
  readonly size: { readonly floatBytes: number; readonly quantizedBytes: number; readonly ratio: number };
  readonly latencyUs: { readonly float: LatencyDto; readonly quantized: LatencyDto; readonly ratio: number };
  /** Largest code of the activations: 127 with reduced range, else 255. */
  readonly codeMax: number;
  readonly products: readonly ProductDto[];
  /** The first output, flattened; its last step where it has more than 2,048 values. */
  readonly series: {
    readonly label: string;
    readonly float: readonly number[];
    readonly quantized: readonly number[];
  };
  /**
   * The file holds the module quantized: `quantized` is what PyTorch computes with it, `float` the
   * same with the weights that its codes stand for, so that only the activations differ.
   */
  readonly stored?: boolean;
  /** ONNX Runtime ran the graph. */
  readonly runtime?: 'onnx';
  /** Why its two sides are one and the same graph. */
  readonly same?: OnnxForwardDto['same'];
  /** Only for whole models that ran their own code. */
  readonly program?: ProgramRunDto;
}

export interface ActivationQueryDto {
  readonly request: ForwardRequestDto;
  readonly module: string;
  readonly weight: string;
  readonly call: number;
  readonly step: number;
  /** The values of all quantizations from the one above to this one, pooled. */
  readonly last?: { readonly call: number; readonly step: number };
}

export interface ActivationDetailDto {
  readonly count: number;
  /** At most 512 of the values, evenly picked. */
  readonly values: readonly number[];
  /** 256 counts, for codes 0 to 255. */
  readonly codes: readonly number[];
  readonly min: number;
  readonly max: number;
  readonly scale: number;
  readonly zeroPoint: number;
  readonly codesUsed: number;
  readonly codeMax: number;
  /** With the scales that were chosen, each step its own. */
  readonly sqnrDb: number;
  /**
   * Of several steps: `scale`, `zeroPoint` and `codes` are then those of one grid over all their values,
   * which is not what ran; these are the scales that did.
   */
  readonly pooled?: {
    readonly steps: number;
    readonly lowestScale: number;
    readonly highestScale: number;
    readonly lowestZeroPoint: number;
    readonly highestZeroPoint: number;
    /** What the one grid would have given. */
    readonly sqnrDb: number;
  };
}

/** One number of a quantized product's output, by its place. */
export interface ExplainQueryDto extends Omit<ActivationQueryDto, 'last'> {
  /** Row of the activation: a step of the sequence times the batch, or a sample. */
  readonly row: number;
  /** Output channel: a row of the weight. */
  readonly channel: number;
}

/** Everything that makes one output number: `output = accumulator · multiplier + bias`, rounded as the engine does. */
export interface ExplainedElementDto {
  readonly module: string;
  readonly weight: string;
  readonly engine: EngineName;
  readonly row: number;
  readonly channel: number;
  /** Rows and channels that there are. */
  readonly rows: number;
  readonly channels: number;
  /** Scale and zero point of the activation; its float range. */
  readonly scale: number;
  readonly zeroPoint: number;
  readonly min: number;
  readonly max: number;
  readonly weightScale: number;
  /** Σ (code − zero point) · weight, exact. */
  readonly accumulator: number;
  readonly largestPartial: number;
  readonly multiplier: number;
  readonly bias: number | null;
  readonly output: number;
  /** What the float weight and the float activation give, with the bias. */
  readonly floatOutput: number;
  /** Pairs of products that 16 bits could not have held, of `pairs`. */
  readonly saturatedPairs: number;
  readonly pairs: number;
  /** All products: `terms` of them are listed below, in order. */
  readonly k: number;
  /** The terms of the sum, at most 512: those of the largest magnitude when there are more. */
  readonly terms: readonly {
    readonly index: number;
    readonly value: number;
    readonly code: number;
    readonly floatWeight: number;
    readonly weight: number;
    /** (code − zero point) · weight. */
    readonly product: number;
  }[];
}
