import type { BytesDto, EngineName, Scheme } from './dto';
import type { GivenInputsDto, LatencyDto, ModelSourceDto } from './forwardDto';
import type { ForwardPlanDto } from './planDto';
import type { QuantizeSpecDto } from './quantizeDto';

/** The questions that need more than one look: which layer hurts, why one was skipped, from when on int8 pays. */

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
  /** The whole model by this class; an archive with code of its own needs none. */
  readonly source?: ModelSourceDto;
  /** Or by this plan. */
  readonly plan?: ForwardPlanDto;
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
