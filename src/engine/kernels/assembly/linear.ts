// A product y [m, n] = x [m, k] · Wᵀ + bias of one of the kinds in descriptor.ts.
//
// Int8 (quantization/dynamicLinear.ts): the range of x gives scale and zero point, x becomes codes,
// sums are exact, and each engine turns them into float32 in its own way. Float: see float.ts.
import { ACCUMULATORS } from './constants';
import { biasOf, bytesOf, channelsOf, columnsOf, FBGEMM, factorsOf, FLOAT, kindOf, ONEDNN, paddedOf, QNNPACK, rowSumsOf, weightsOf } from './descriptor';
import { multiplyFloat, padRows } from './float';
import { fma4 } from './fma';
import { chooseQParams, scale, zeroPoint } from './qparams';
import { quantizeBytes, quantizeWords } from './quantize';
import { highest, lowest, observe, setRange } from './range';
import { bytes1, bytes4, words1, words4 } from './rows';

/** Observes x and writes what `multiply` takes: codes, or float rows padded to 4. False for NaN. */
export function prepare(product: usize, x: usize, m: i32, operand: usize): bool {
  if (kindOf(product) == FLOAT) {
    padRows(x, m, columnsOf(product), paddedOf(product), operand);
    return true;
  }
  if (!observe(x, m * columnsOf(product))) return false;
  quantizeRows(product, x, m, operand);
  return true;
}

/** The same for an x whose range is known. */
export function prepareKnown(product: usize, x: usize, m: i32, operand: usize, low: f32, high: f32): void {
  if (kindOf(product) == FLOAT) padRows(x, m, columnsOf(product), paddedOf(product), operand);
  else {
    setRange(low, high);
    quantizeRows(product, x, m, operand);
  }
}

function quantizeRows(product: usize, x: usize, m: i32, codes: usize): void {
  const kind = kindOf(product);
  let columns = columnsOf(product);
  let padded = paddedOf(product);
  chooseQParams(lowest, highest, kind != QNNPACK);
  if (columns == padded) {
    // Rows without padding lie end to end.
    columns *= m;
    padded = columns;
    m = 1;
  }
  for (let row = 0; row < m; row++) {
    const from = x + (<usize>row * <usize>columns << 2);
    const at = <usize>row * <usize>padded;
    if (bytesOf(product)) quantizeBytes(from, columns, padded, kind, scale, zeroPoint, codes + at);
    else quantizeWords(from, columns, padded, kind, scale, zeroPoint, codes + (at << 1));
  }
}

/**
 * Channels of panels `from` … `to` of m rows, into out [m, n]. One row reads four panels that are far
 * apart, four streams for the prefetcher; several rows share four panels next to each other.
 */
export function multiply(product: usize, operand: usize, m: i32, out: usize, from: i32, to: i32): void {
  const kind = kindOf(product);
  if (kind == FLOAT) {
    multiplyFloat(product, operand, m, out, from, to);
    return;
  }
  const k = paddedOf(product);
  const n = channelsOf(product);
  const panelBytes = <usize>k << 2;
  const weights = weightsOf(product);
  const factor = sourceFactor(kind);
  const bytes = ASC_FEATURE_RELAXED_SIMD ? bytesOf(product) : false;
  const rowBytes = bytes ? <usize>k : <usize>k << 1;
  const count = to - from;
  const quarter = m == 1 ? count >> 2 : 1;
  const far = <usize>quarter * panelBytes;
  const farChannels = quarter << 2;
  let panel = from;
  const groupsEnd = m == 1 ? from + quarter : from + (count & ~3);
  const groupStep = m == 1 ? 1 : 4;
  for (; panel < groupsEnd; panel += groupStep) {
    const w0 = weights + <usize>panel * panelBytes;
    const w1 = w0 + far;
    const w2 = w1 + far;
    const w3 = w2 + far;
    const channel = panel << 2;
    for (let row = 0; row < m; row++) {
      const x = operand + <usize>row * rowBytes;
      if (ASC_FEATURE_RELAXED_SIMD) {
        if (bytes) bytes4(x, k, w0, w1, w2, w3);
        else words4(x, k, w0, w1, w2, w3);
      } else words4(x, k, w0, w1, w2, w3);
      const y = out + (<usize>row * <usize>n << 2);
      finish(product, kind, factor, bytes, v128.load(ACCUMULATORS), channel, y);
      finish(product, kind, factor, bytes, v128.load(ACCUMULATORS, 16), channel + farChannels, y);
      finish(product, kind, factor, bytes, v128.load(ACCUMULATORS, 32), channel + 2 * farChannels, y);
      finish(product, kind, factor, bytes, v128.load(ACCUMULATORS, 48), channel + 3 * farChannels, y);
    }
  }
  for (panel = from + (count & ~3); panel < to; panel++) {
    const w = weights + <usize>panel * panelBytes;
    for (let row = 0; row < m; row++) {
      const x = operand + <usize>row * rowBytes;
      if (ASC_FEATURE_RELAXED_SIMD) {
        if (bytes) bytes1(x, k, w);
        else words1(x, k, w);
      } else words1(x, k, w);
      finish(product, kind, factor, bytes, v128.load(ACCUMULATORS), panel << 2, out + (<usize>row * <usize>n << 2));
    }
  }
}

/** The activation's part of the output multiplier. */
function sourceFactor(kind: i32): f32 {
  if (kind == ONEDNN) return <f32>(1 / <f64>(<f32>(1 / scale)));
  return <f32>scale;
}

/** Four sums to float32: zero point off, multiplier, bias. */
// @ts-ignore: decorator
@inline
function finish(product: usize, kind: i32, factor: f32, bytes: bool, sums: v128, channel: i32, y: usize): void {
  const at = <usize>channel << 2;
  if (bytes) sums = i32x4.sub(sums, i32x4.mul(i32x4.splat(zeroPoint), v128.load(rowSumsOf(product) + at)));
  const value = f32x4.convert_i32x4_s(sums);
  const multiplier = f32x4.mul(f32x4.splat(factor), v128.load(factorsOf(product) + at));
  const bias = biasOf(product);
  if (bias == 0) v128.store(y + at, f32x4.mul(value, multiplier));
  else if (kind == FBGEMM) v128.store(y + at, fma4(value, multiplier, v128.load(bias + at)));
  else v128.store(y + at, f32x4.add(f32x4.mul(value, multiplier), v128.load(bias + at)));
}

/** What the relaxed dot product makes of a byte with bit 7 set: 128 · 1 is 256 as unsigned, −256 as signed. */
export function relaxedDotProbe(weight: i32, code: i32): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return 0;
  return i16x8.extract_lane_s(i16x8.relaxed_dot_i8x16_i7x16_s(i8x16.splat(<i8>weight), i8x16.splat(<i8>code)), 0);
}
