import type { ErrorDetails } from '../core/errors';

/**
 * What crosses between threads and windows: plain data, snapshots, never proportional to the
 * file. Field names of the reports are those of the command line's JSON, which scripts depend on.
 */

/** `x86` is PyTorch's newer name for what fbgemm computes. */
export type EngineName = 'fbgemm' | 'x86' | 'onednn' | 'qnnpack';
export type Verdict = 'safe' | 'suspicious' | 'dangerous' | 'unknown';
export type Scheme = 'per_tensor' | 'per_channel';

export type ErrorDto = ErrorDetails;

export interface WarningDto {
  readonly code: string;
  readonly message: string;
}

export interface GlobalDto {
  readonly module: string;
  readonly name: string;
  readonly verdict: Verdict;
  readonly reason: string;
  /** Byte offset inside the pickle record. */
  readonly offset: number;
  readonly use: 'referenced' | 'called';
}

export interface SafetyDto {
  readonly verdict: Verdict;
  readonly globals: readonly GlobalDto[];
}

/** A module that can be run by itself, with inputs that fit it. */
export interface RunnableDto {
  readonly path: string;
  readonly type: string;
  readonly repr: string;
  readonly inputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    /** int64 for indices, which are drawn below `high`; float32 where it is not given. */
    readonly dtype?: 'float32' | 'int64';
    readonly high?: number;
  }[];
}

export interface ModelSummaryDto {
  /** Base name of the file. */
  readonly file: string;
  readonly format: string;
  /** For people: "PyTorch state dict". */
  readonly label: string;
  /** Size of the file. */
  readonly bytes: number;
  /** Sum over the tensors of the model, optimizer state left out. */
  readonly tensorBytes: number;
  readonly parameters: number;
  readonly tensorCount: number;
  readonly moduleCount: number;
  /** The one dtype of all tensors, or "mixed". */
  readonly dtype: string;
  /** What Python's print(model) would show; the first lines of a very long one, the last of them counts the others. */
  readonly repr: string;
  /** Lines of print(model) that `repr` leaves out; absent or 0 for all of it. */
  readonly reprLeftOut?: number;
  /** True when module types were read off names and shapes and not written in the file. */
  readonly reprInferred: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly warnings: readonly WarningDto[];
  readonly safety: SafetyDto;
  /** What quantize_dynamic's default spec would do, before anything is unticked. */
  readonly quantizableCount: number;
  readonly runnable: readonly RunnableDto[];
}

/** qint8 for products; float16 for products without integers; quint8 and quint4x2 for embeddings. */
export type QuantizedDType = 'qint8' | 'float16' | 'quint8' | 'quint4x2';

/** PyTorch's qconfigs for dynamic quantization, without `_qconfig`; float_qparams is float_qparams_weight_only. */
export type QConfigNameDto =
  | 'default_dynamic'
  | 'per_channel_dynamic'
  | 'float16_dynamic'
  | 'float_qparams'
  | 'float_qparams_4bit';

/** One line of a qconfig_spec. */
export interface QConfigOverrideDto {
  /** A type (`LSTM`), a dotted name, which holds for everything below it, or a name with `*`. */
  readonly target: string;
  /** null leaves it float. */
  readonly qconfig: QConfigNameDto | null;
}

/** What quantize_dynamic is asked to do. */
export interface QuantizeSpecDto {
  readonly engine: EngineName;
  readonly dtype: QuantizedDType;
  /** Per channel weights for Linear, per tensor otherwise: PyTorch's per_channel_dynamic_qconfig. */
  readonly perChannel: boolean;
  /** Module types, dotted names or names with `*` to quantize; null for PyTorch's default spec of the dtype. */
  readonly modules: readonly string[] | null;
  /** Paths of modules that stay float. A trailing `*` matches every path that starts so. */
  readonly exclude: readonly string[];
  /** Exceptions to all of the above; the last that fits a module decides. */
  readonly overrides?: readonly QConfigOverrideDto[];
  /**
   * float16: keep the weights in half precision in a plain state dict. PyTorch's own form widens
   * them again, so its file is no smaller.
   */
  readonly halfStorage?: boolean;
}

export interface QuantizedWeightDto {
  readonly name: string;
  readonly scheme: Scheme;
  readonly axis: number | null;
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  /** Over the row-major int8 bytes. */
  /** Over the row-major codes, one a byte; of float16 over its patterns. */
  readonly int8Sha256: string;
  /** int8 where it is not given. */
  readonly dtype?: QuantizedDType;
  readonly sqnrDb: number;
  readonly rmse: number;
  readonly maxAbsError: number;
}

export interface BytesDto {
  readonly before: number;
  readonly after: number;
}

export interface QuantizedModuleDto {
  readonly path: string;
  readonly type: string;
  readonly quantizedType: string;
  readonly qconfig: QConfigNameDto;
  /** Why PyTorch would have refused; empty where it does the same. */
  readonly refusedByPyTorch: string;
  readonly bytes: BytesDto;
  /** Over all weights of the module. */
  readonly sqnrDb: number;
  readonly weights: readonly QuantizedWeightDto[];
}

export interface SkippedModuleDto {
  readonly path: string;
  readonly type: string;
  readonly reason: string;
}

export interface QuantizeReportDto {
  readonly engine: EngineName;
  readonly dtype: QuantizedDType;
  readonly repr: { readonly before: string; readonly after: string };
  /** Size of the file: as it is, and as torch.save would write the quantized state dict. */
  readonly bytes: BytesDto;
  readonly tensorBytes: BytesDto;
  /** Signal to quantization noise over all quantized weights, in dB. */
  readonly sqnrDb: number;
  readonly modules: readonly QuantizedModuleDto[];
  readonly skipped: readonly SkippedModuleDto[];
}

/** The report as the webview needs it: totals and groups, no list that grows with the model. */
export interface QuantizedSummaryDto {
  readonly engine: EngineName;
  readonly perChannel: boolean;
  readonly repr: { readonly before: string; readonly after: string };
  readonly bytes: BytesDto;
  readonly tensorBytes: BytesDto;
  readonly sqnrDb: number;
  readonly quantizedCount: number;
  readonly skipped: readonly {
    readonly type: string;
    readonly reason: string;
    readonly count: number;
    /** The first few. */
    readonly paths: readonly string[];
  }[];
}

/** Which rows of the tree table, and in which state of expansion. */
export interface RowsQueryDto {
  /** Text that a row's full name must contain; ancestors of matches stay visible. */
  readonly filter: string;
  /** Ids of modules whose expansion differs from `base`. */
  readonly toggled: readonly string[];
  readonly base: 'default' | 'all' | 'none';
  readonly start: number;
  readonly count: number;
  /** Order of the rows below each module; the file's where it is missing. */
  readonly sort?: RowsSortDto | null;
  /** Show before and after for this spec; null before Quantize. */
  readonly spec: QuantizeSpecDto | null;
}

export interface RowsSortDto {
  readonly by: 'name' | 'type' | 'size' | 'sqnr';
  readonly descending: boolean;
}

export interface RowDto {
  /** `m:` + path or `t:` + tensor name. */
  readonly id: string;
  readonly kind: 'module' | 'tensor' | 'opaque';
  /** 1 for the root, as in aria-level. */
  readonly level: number;
  readonly setSize: number;
  readonly posInSet: number;
  /** Last part of the name. */
  readonly label: string;
  readonly fullName: string;
  /** Modules: "LSTM"; empty for containers of unknown type. */
  readonly moduleType: string;
  /** Modules: "LSTM(64, 64, num_layers=2)". */
  readonly repr: string;
  readonly shape: readonly number[] | null;
  readonly dtype: string;
  readonly bytes: number;
  /** With everything below a module; 0 for a tensor. */
  readonly tensorCount: number;
  readonly expanded: boolean | null;
  /** Tick box: null where there is none. */
  readonly ticked: 'true' | 'false' | 'mixed' | null;
  /** Why the box cannot be ticked, or why the module stays float. */
  readonly note: string;
  /** After Quantize; null where nothing changed. */
  readonly after: { readonly dtype: string; readonly bytes: number; readonly sqnrDb: number | null } | null;
}

/** `index` is −1 while the row is hidden; then `collapsed` are the ids to expand. */
export interface RowPlaceDto {
  readonly index: number;
  readonly collapsed: readonly string[];
}

export interface RowsPageDto {
  readonly total: number;
  readonly start: number;
  readonly rows: readonly RowDto[];
}

export interface StatsDto {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly zeros: number;
  readonly nan: number;
  readonly inf: number;
  readonly p01: number;
  readonly p99: number;
}

export interface HistogramDto {
  /** Bin borders, one more than counts. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

/** How a tensor is quantized in the file. Its statistics are those of the dequantized values. */
export interface StoredQuantizationDto {
  readonly scheme: Scheme;
  /** PyTorch's name: `per_tensor_affine`, `per_channel_affine`, `per_channel_affine_float_qparams`. */
  readonly qscheme: string;
  readonly axis: number | null;
  /** One for per tensor, one a channel otherwise. */
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  /** The first codes, as int_repr() gives them. */
  readonly intRepr: readonly number[];
  /** Smallest and largest code; null when only the first were read. */
  readonly codeRange: { readonly min: number; readonly max: number } | null;
}

export interface TensorStatsDto extends StatsDto {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly histogram: HistogramDto;
  /** null for tensors that the file does not hold quantized. */
  readonly stored: StoredQuantizationDto | null;
}

/** The small histogram in a row of the tree. */
export interface SparklineDto {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly counts: readonly number[];
}

export interface TensorDetailQueryDto {
  readonly name: string;
  readonly scheme: Scheme;
  readonly bins: number;
}

/** What int8 does to one weight. Codes are int8; a float value v sits at v / scale on the code axis. */
export interface TensorQuantizationDto {
  readonly scheme: Scheme;
  readonly axis: number | null;
  /** One for per tensor, one a row for per channel. float32 values. */
  readonly scales: readonly number[];
  readonly zeroPoint: number;
  /** The scale that per tensor would choose, to compare with. */
  readonly perTensorScale: number;
  /** For people: "max |w| ÷ 127.5". */
  readonly formula: string;
  /** Rows belong to gates in equal parts: i f g o, r z n; empty for other modules. */
  readonly gates: readonly string[];
  /** 2048 bins: float values in eighths of a step, from code −128.5 to 127.5; values beyond sit in the outermost. */
  readonly floatEighths: readonly number[];
  /** 256 counts, for codes −128 to 127. */
  readonly codes: readonly number[];
  readonly dequantized: {
    readonly min: number;
    readonly max: number;
    readonly mean: number;
    readonly std: number;
    readonly zeros: number;
  };
  readonly sqnrDb: number;
  readonly rmse: number;
  readonly maxAbsError: number;
  readonly codesUsed: number;
  /** Values at code −128 or 127. */
  readonly atLimits: number;
}

export interface TensorDetailDto extends TensorStatsDto {
  readonly module: string;
  readonly moduleType: string;
  readonly bytes: number;
  /** null for tensors that stay float; `stays` says why. */
  readonly quantization: TensorQuantizationDto | null;
  readonly stays: string;
}

export interface ForwardRequestDto {
  /** Path of the module to run. */
  readonly module: string;
  /** Inputs are torch.randn of these shapes, drawn in order after manual_seed(seed). */
  readonly seed: number;
  readonly shapes: readonly (readonly number[])[];
  readonly engine: EngineName;
  readonly perChannel: boolean;
  /** Instead of random inputs: a file with arrays, or what a person typed. */
  readonly inputs?: GivenInputsDto | null;
  /** Timed runs of each model, after the warm-up. */
  readonly runs: number;
  readonly warmup: number;
  /** Run the whole model by this class of a Python file or notebook; without it, by the archive's own code. */
  readonly source?: ModelSourceDto;
  /** Where to write output.0, … of the float model, or of the quantized one; whole models only. */
  readonly outputsFile?: { readonly path: string; readonly quantized: boolean };
}

/** The class that a checkpoint was saved from. */
export interface ModelSourceDto {
  /** A .py or .ipynb file. */
  readonly path: string;
  /** Null for the only nn.Module of the file. */
  readonly className: string | null;
  /** Arguments of `__init__` by name; what has no default and is not here is worked out from shapes. */
  readonly init: Readonly<Record<string, unknown>>;
}

/** What running a whole model's own code showed besides its outputs. */
export interface ProgramRunDto {
  readonly steps: number;
  /** What the model printed. */
  readonly printed: readonly string[];
  /** Assumptions that a person should know. */
  readonly notes: readonly string[];
}

export type GivenInputsDto =
  | { readonly kind: 'file'; readonly path: string }
  /** Nested lists of numbers, one input a line. */
  | { readonly kind: 'literal'; readonly text: string };

/** Running an ONNX graph with ONNX Runtime. */
export interface OnnxForwardRequestDto {
  readonly seed: number;
  /** Of the inputs in order; sizes that the graph leaves open are 1 where none is given. */
  readonly shapes: readonly (readonly number[])[];
  /** A .npz with input.0, input.1, … in place of random inputs. */
  readonly inputsFile: string | null;
  /** Where to write output.0, …. */
  readonly outputsFile: string | null;
  /** Names of intermediate results to give after the outputs. */
  readonly values: readonly string[];
  readonly runs: number;
  readonly warmup: number;
}

export interface OnnxForwardDto {
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[];
  readonly outputs: readonly OutputDto[];
  readonly latencyUs: LatencyDto;
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
  /** Share of neighbouring pairs of products that a 16-bit accumulator would have clipped, 0 to 1. */
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
  /** Only for whole models that ran their own code. */
  readonly program?: ProgramRunDto;
}

export interface ActivationQueryDto {
  readonly request: ForwardRequestDto;
  readonly module: string;
  readonly weight: string;
  readonly call: number;
  readonly step: number;
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
  readonly sqnrDb: number;
}

/** One piece of the size treemap: a module, or one tensor of a module with many. */
export interface TileDto {
  /** Id of the row that it stands for. */
  readonly id: string;
  readonly label: string;
  /** Path of the module; tiles of one group lie together. */
  readonly group: string;
  readonly bytes: number;
  /** Becomes int8 with the spec. */
  readonly quantized: boolean;
}

export interface OverviewDto {
  /** Largest first, at most 300. */
  readonly tiles: readonly TileDto[];
  /** What the tiles leave out. */
  readonly pooled: { readonly count: number; readonly bytes: number };
  readonly dtypes: readonly { readonly dtype: string; readonly count: number; readonly bytes: number }[];
  /** Size of the file that torch.save would write after Quantize. */
  readonly predictedBytes: number;
  readonly quantized: { readonly count: number; readonly paths: readonly string[] };
  readonly skipped: readonly {
    readonly type: string;
    readonly reason: string;
    readonly count: number;
    readonly paths: readonly string[];
  }[];
}

export interface HealthFindingDto {
  readonly name: string;
  readonly nan: number;
  readonly inf: number;
  readonly rows: number;
  readonly zeroRows: number;
  readonly constantRows: number;
}

/** Over every value of the model; rows are slices along the first axis of tensors with two or more. */
export interface HealthDto {
  readonly values: number;
  readonly nan: number;
  readonly inf: number;
  readonly rows: number;
  readonly zeroRows: number;
  readonly constantRows: number;
  readonly largest: { readonly name: string; readonly value: number; readonly sigmas: number } | null;
  /** The first tensors that have any of these. */
  readonly findings: readonly HealthFindingDto[];
  /** The first tensors that could not be read. */
  readonly unread: readonly string[];
}

export interface ValuesQueryDto {
  readonly name: string;
  readonly scheme: Scheme;
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** A page of a tensor seen as a matrix: its last axis are the columns. */
export interface ValuesPageDto {
  readonly totalRows: number;
  readonly totalColumns: number;
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  /** Row-major. */
  readonly float: readonly number[];
  /** int8 codes, and the scale of each row; null where the tensor cannot be quantized. */
  readonly codes: readonly number[] | null;
  readonly scales: readonly number[] | null;
}

export interface TensorImageQueryDto {
  readonly name: string;
  readonly scheme: Scheme;
  readonly layer: 'float' | 'int8' | 'error';
}

export interface TensorImageDto {
  readonly rows: number;
  readonly columns: number;
  /** Of the image; smaller than the matrix where that has more than 256 a side. */
  readonly height: number;
  readonly width: number;
  /** Row-major; a pooled cell holds its value of largest magnitude. */
  readonly cells: readonly number[];
  readonly largest: number;
  readonly quantizable: boolean;
}

export interface ComparedSideDto {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly bytes: number;
}

/** One tensor of two files; null where a file does not have it. */
export interface ComparedTensorDto {
  readonly name: string;
  readonly change: 'added' | 'removed' | 'reshaped' | 'unread' | 'changed' | 'equal';
  readonly before: ComparedSideDto | null;
  readonly after: ComparedSideDto | null;
  readonly error: { readonly sqnrDb: number; readonly rmse: number; readonly maxAbsError: number } | null;
}

export interface ComparedFileDto {
  readonly file: string;
  readonly label: string;
  readonly bytes: number;
  readonly tensors: number;
}

export interface ComparisonDto {
  readonly before: ComparedFileDto;
  readonly after: ComparedFileDto;
  readonly counts: Readonly<Record<ComparedTensorDto['change'], number>>;
  /** Over all tensors that both files have with one shape. */
  readonly total: { readonly sqnrDb: number; readonly rmse: number; readonly maxAbsError: number } | null;
  /** All that are not equal, at most 5,000: missing ones first, then by error. */
  readonly tensors: readonly ComparedTensorDto[];
}

/** The report of one file in both forms. */
export interface ReportDto {
  readonly html: string;
  readonly json: string;
}

/** One number of a quantized product's output, by its place. */
export interface ExplainQueryDto extends ActivationQueryDto {
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

export interface ErrorMeasuresDto {
  readonly sqnrDb: number;
  readonly rmse: number;
  /** rmse over the mean magnitude of the float weight. */
  readonly relativeRmse: number;
  readonly maxAbsError: number;
  readonly p95AbsError: number;
  readonly cosine: number;
}

/** How far one quantized weight is from the float one. */
export interface WeightErrorDto extends ErrorMeasuresDto {
  readonly name: string;
  readonly scheme: Scheme;
  readonly shape: readonly number[];
  /** The same weight with the other scheme, to compare with. */
  readonly other: ErrorMeasuresDto & { readonly scheme: Scheme };
  /** One entry a row, which is an output channel. */
  readonly channels: {
    readonly sqnrDb: readonly number[];
    readonly rmse: readonly number[];
    readonly maxAbsError: readonly number[];
    /** Largest magnitude of the row. */
    readonly amplitude: readonly number[];
  };
  /** Rows whose amplitude is the most times the median row's, largest first; at most 20. */
  readonly outliers: readonly {
    readonly channel: number;
    readonly amplitude: number;
    readonly ratio: number;
    readonly sqnrDb: number;
    /** With a scale of its own. */
    readonly perChannelSqnrDb: number;
  }[];
}

/** What happens to one module and why. */
export interface CoverageRowDto {
  readonly path: string;
  readonly type: string;
  readonly status: 'quantized' | 'float' | 'container';
  /** Empty for what is quantized without anything to say. */
  readonly reason: string;
  readonly bytes: BytesDto;
}

export interface CoverageDto {
  readonly rows: readonly CoverageRowDto[];
  readonly quantized: number;
  readonly float: number;
  /** Share of the parameters that become int8, 0 to 1. */
  readonly share: number;
}

export interface SensitivityRequestDto {
  readonly spec: QuantizeSpecDto;
  /** The module whose output is looked at: "" for the whole model. */
  readonly module: string;
  readonly seed: number;
  /** Shapes of the inputs; null for the default ones. */
  readonly shapes: readonly (readonly number[])[] | null;
  /** Instead of random inputs; only where the module runs as a whole. */
  readonly inputs?: GivenInputsDto | null;
  /** Suggest the fewest layers in float that reach this SQNR; null for none. */
  readonly targetDb: number | null;
  /** Or the best set of layers in float whose tensors take at most so many bytes. */
  readonly maxBytes: number | null;
}

export interface SensitivityLayerDto {
  readonly path: string;
  readonly type: string;
  /** At the output, with this layer quantized alone. */
  readonly sqnrDb: number;
  /** Noise over signal as amplitudes, in percent. */
  readonly percent: number;
  readonly bytes: BytesDto;
}

/** One choice of layers that stay float. Bytes are those of all tensors of the model. */
export interface FloatSetDto {
  readonly keep: readonly string[];
  readonly bytes: number;
  /** Expected: the noises of the layers measured alone, added up. */
  readonly sqnrDb: number;
  /** Measured with exactly this choice; null where it was not run. */
  readonly measuredDb: number | null;
}

export interface SensitivityDto {
  readonly module: string;
  /** `model`: errors at the output of the whole module. `layer`: each layer by itself on random input. */
  readonly scope: 'model' | 'layer';
  /** Why only layers could be run; empty for `model`. */
  readonly reason: string;
  readonly seed: number;
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Largest error first. */
  readonly layers: readonly SensitivityLayerDto[];
  /** Point n keeps the first n layers of that order in float. */
  readonly curve: readonly FloatSetDto[];
  readonly suggestion: (FloatSetDto & { readonly reached: boolean }) | null;
}

export interface BreakEvenRequestDto {
  readonly module: string;
  readonly engine: EngineName;
  readonly perChannel: boolean;
  /** Timed runs of each size. */
  readonly runs: number;
}

/** Latency of layers of one type over their size. Measured on this machine, now; no promise for another. */
export interface BreakEvenDto {
  readonly module: string;
  readonly moduleType: string;
  readonly engine: EngineName;
  readonly points: readonly {
    /** For people: `LSTM(64, 64)`. */
    readonly label: string;
    readonly parameters: number;
    readonly floatUs: LatencyDto;
    readonly quantizedUs: LatencyDto;
    /** Float over quantized: above 1, int8 is faster. */
    readonly ratio: number;
    /** The layer itself. */
    readonly own: boolean;
  }[];
  /** Parameters at which both take the same time, between two points; null where the curves do not cross. */
  readonly breakEvenParameters: number | null;
}

export interface RecipeDto {
  readonly engine: EngineName;
  readonly repr: { readonly before: string; readonly after: string };
  readonly size: { readonly floatBytes: number; readonly quantizedBytes: number; readonly ratio: number };
  readonly latencyUs: { readonly float: LatencyDto; readonly quantized: LatencyDto; readonly ratio: number };
  readonly accuracy: AccuracyDto;
  /** The recipe's printed lines, in order. */
  readonly lines: readonly string[];
}

/** What comparing every byte of a file with its own checksums found. */
export interface VerificationDto {
  /** False for formats without checksums: then nothing was compared. */
  readonly checksums: boolean;
  readonly records: number;
  readonly bytes: number;
  readonly problems: readonly { readonly entry: string; readonly code: string; readonly message: string }[];
}

/** Source code that a file carries, as TorchScript does. */
export interface SourceDto {
  readonly name: string;
  readonly bytes: number;
}

export interface SourceTextDto {
  readonly text: string;
  /** True when only the start of a very long source is here. */
  readonly truncated: boolean;
}

export interface InspectTensorDto {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly bytes: number;
  readonly module: string;
  /** How the file stores it, such as GGUF's `Q4_K` and ONNX's `int4`; `dtype` is what reading gives. */
  readonly encoding?: string;
  /** Only of tensors that the file holds quantized. */
  readonly stored?: StoredQuantizationDto;
  /** The other name of its bytes: tied weights. */
  readonly tiedTo?: string;
}

export interface InspectModuleDto {
  readonly path: string;
  readonly type: string;
  readonly repr: string;
  readonly params: number;
  readonly tensors: readonly string[];
}

export interface InspectDto {
  readonly file: string;
  readonly format: string;
  readonly bytes: number;
  readonly tensors: readonly InspectTensorDto[];
  readonly modules: readonly InspectModuleDto[];
  readonly repr: string;
  /** Source code that the file carries; empty for most. */
  readonly sources: readonly SourceDto[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly warnings: readonly WarningDto[];
  readonly safety: SafetyDto;
}

/** Quantscope's own kernels at a list of shapes. */
export interface BenchmarkDto {
  /** Which kernels ran: `wasm relaxed simd`. */
  readonly kernels: string;
  readonly results: readonly {
    readonly name: string;
    /** Of the weights' products, in one forward pass. */
    readonly multiplyAdds: number;
    readonly float: LatencyDto;
    readonly int8: LatencyDto;
    /** float ÷ int8: how many times int8 is faster. */
    readonly ratio: number;
  }[];
}
