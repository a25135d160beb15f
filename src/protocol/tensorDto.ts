import type { Scheme } from './dto';

/** One tensor: statistics, histogram, pages and pictures of its values. */

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

export interface StatsReportDto {
  readonly tensors: readonly TensorStatsDto[];
  /** Tensors without values, such as those of the meta device, and why. */
  readonly unreadable: readonly { readonly name: string; readonly code: string; readonly message: string }[];
}

export interface TensorDetailQueryDto {
  readonly name: string;
  readonly scheme: Scheme;
  readonly bins: number;
  /** `values` leaves out what int8 does, which takes longer: the histogram is there sooner. */
  readonly only?: 'values';
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
