import type { BytesDto, EngineName, Scheme } from './dto';

/** What quantize_dynamic is asked to do, and what it did. */

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
  /** Over the row-major codes, one a byte; of float16 over its patterns. */
  readonly int8Sha256: string;
  /** int8 where it is not given. */
  readonly dtype?: QuantizedDType;
  readonly sqnrDb: number;
  readonly rmse: number;
  readonly maxAbsError: number;
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
    /** What would quantize them, where anything does. */
    readonly takes?: QConfigNameDto;
  }[];
}
