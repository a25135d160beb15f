import type { EngineName, SafetyDto, WarningDto } from './dto';
import type { AccuracyDto, LatencyDto } from './forwardDto';
import type { StoredQuantizationDto } from './tensorDto';

/** What is said of an open file: its summary, its inventory, its health. */

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
    /** Of a whole model: the argument of forward that it is one of several parts of, as an LSTM's (h0, c0). */
    readonly argument?: string;
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
  /** The file carries code that runs the whole model. */
  readonly code?: 'archive' | 'onnx';
  /** A tokenizer.json lies beside the file, so that a text can be its input. */
  readonly hasTokenizer?: boolean;
  /** Class of the model where the file names one: `__main__.Net`. */
  readonly className?: string;
  /** True for a file of torch.save(model), of which whole-module files can be made. */
  readonly holdsModules?: boolean;
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

/** A type of module that some qconfig can change. */
export interface ModuleTypeDto {
  readonly type: string;
  readonly count: number;
  /** `product`: int8 and float16; `table`: the row-wise forms of embeddings. */
  readonly takes: 'product' | 'table';
}

export interface OverviewDto {
  readonly types: readonly ModuleTypeDto[];
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
