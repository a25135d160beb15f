import { invalid } from '../../core/errors';
import type { PackedLinear } from './dynamicLinear';
import { engineSemantics, scaledSum } from './engines';
import type { QParams } from './qparams';

/** Everything that makes one output number of a quantized product. */
export interface ExplainedElement {
  /** The activation's row: float values, their codes, and the int8 weights they meet. */
  readonly values: Float32Array;
  readonly codes: Uint8Array;
  readonly weights: Int8Array;
  /** Σ (code − zero point) · weight: what the int32 accumulator holds. */
  readonly accumulator: number;
  /** The largest magnitude that the sum had on the way. */
  readonly largestPartial: number;
  /** Pairs of products that 16 bits could not have held, of `pairs`: what vpmaddubsw saturates. */
  readonly saturatedPairs: number;
  readonly pairs: number;
  readonly weightScale: number;
  /** The float32 factor that the accumulator is multiplied with. */
  readonly multiplier: number;
  readonly bias: number | undefined;
  readonly output: number;
}

/** Explains row `row`, channel `channel` of a product whose activation [rows, k] had these codes. */
export function explainElement(
  { weight, bias, engine }: PackedLinear,
  values: Float32Array,
  codes: Uint8Array,
  { scale, zeroPoint }: QParams,
  row: number,
  channel: number,
): ExplainedElement {
  const k = weight.columns;
  if (!(row >= 0 && channel >= 0 && channel < weight.rows && (row + 1) * k <= codes.length)) {
    throw invalid('E_INDEX', `This product has no element at row ${row}, channel ${channel}.`, {
      expected: `row below ${k === 0 ? 0 : codes.length / k}, channel below ${weight.rows}`,
      found: `row ${row}, channel ${channel}`,
    });
  }
  const ownCodes = codes.slice(row * k, (row + 1) * k);
  const ownWeights = weight.codes.slice(channel * k, (channel + 1) * k);
  let accumulator = 0;
  let largestPartial = 0;
  for (let i = 0; i < k; i++) {
    accumulator += (ownCodes[i] - zeroPoint) * ownWeights[i];
    largestPartial = Math.max(largestPartial, Math.abs(accumulator));
  }
  const semantics = engineSemantics[engine];
  const weightScale = weight.scales[weight.scheme === 'per_tensor' ? 0 : channel];
  const multiplier = semantics.multiplier(scale, weightScale);
  const sum = scaledSum(semantics, accumulator, scale);
  return {
    values: values.slice(row * k, (row + 1) * k),
    codes: ownCodes,
    weights: ownWeights,
    accumulator,
    largestPartial,
    ...saturatedPairs(ownCodes, ownWeights),
    weightScale,
    multiplier,
    bias: bias?.[channel],
    output:
      bias === undefined
        ? semantics.outputWithoutBias(sum, multiplier)
        : semantics.output(sum, multiplier, bias[channel]),
  };
}

function saturatedPairs(codes: Uint8Array, weights: Int8Array): { saturatedPairs: number; pairs: number } {
  let count = 0;
  const pairs = Math.floor(codes.length / 2);
  for (let i = 0; i < 2 * pairs; i += 2) {
    if (!fitsInt16(codes[i] * weights[i] + codes[i + 1] * weights[i + 1])) count++;
  }
  return { saturatedPairs: count, pairs };
}

/** Products looked at for one estimate of the share of saturated pairs: more rows are sampled evenly. */
const maxProducts = 100_000_000;

/**
 * Share of neighbouring pairs `code₀·weight₀ + code₁·weight₁` of a whole product that a signed
 * 16-bit lane would have clipped, 0 to 1. x86's vpmaddubsw adds such pairs before it widens
 * them; with the range reduced to 7 bits they always fit.
 */
export function saturatedShare(codes: Uint8Array, weights: Int8Array, m: number, n: number, k: number): number {
  const pairs = Math.floor(k / 2);
  if (m * n * pairs === 0) return 0;
  const stride = Math.max(1, Math.ceil((m * n * k) / maxProducts));
  let saturated = 0;
  let counted = 0;
  for (let element = 0; element < m * n; element += stride) {
    const x = Math.floor(element / n) * k;
    const w = (element % n) * k;
    for (let i = 0; i < 2 * pairs; i += 2) {
      if (!fitsInt16(codes[x + i] * weights[w + i] + codes[x + i + 1] * weights[w + i + 1])) saturated++;
    }
    counted += pairs;
  }
  return saturated / counted;
}

function fitsInt16(sum: number): boolean {
  return sum >= -32768 && sum <= 32767;
}
