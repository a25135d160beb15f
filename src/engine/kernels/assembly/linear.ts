// A product y [m, n] = x [m, k] · Wᵀ + bias of one of the kinds in descriptor.ts.
//
// Int8 (quantization/dynamicLinear.ts): the range of x gives scale and zero point, x becomes codes,
// sums are exact, and each engine turns them into float32 in its own way. Float: see float.ts.
import { multiplyBytes } from './bytes';
import { delayLarge } from './delay';
import { bytesOf, columnsOf, FLOAT, kindOf, ONEDNN, paddedOf, QNNPACK, unsignedOf } from './descriptor';
import { multiplyFloat, padRows } from './float';
import { multiplyFours } from './fours';
import { layOut, middleOf, rowRecord } from './operand';
import { chooseQParams, scale, zeroPoint } from './qparams';
import { quantizeBytes, quantizeWords } from './quantize';
import { highest, lowest, observe, setRange } from './range';
import { multiplyWords } from './words';

/** Observes x and writes what `multiply` takes: see operand.ts. False for NaN and infinity. */
export function prepare(product: usize, x: usize, m: i32, operand: usize): bool {
  if (kindOf(product) == FLOAT) {
    padRows(x, m, columnsOf(product), paddedOf(product), operand);
    return true;
  }
  if (!observe(x, m * columnsOf(product)) || !isFinite(lowest) || !isFinite(highest)) return false;
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

function quantizeRows(product: usize, x: usize, m: i32, operand: usize): void {
  const kind = kindOf(product);
  const columns = columnsOf(product);
  const padded = paddedOf(product);
  const bytes = bytesOf(product);
  chooseQParams(lowest, highest, kind != QNNPACK);
  const middle = middleOf(kind);
  const codes = layOut(product, operand, m, sourceFactor(kind), zeroPoint - middle);
  const surplus = unsignedOf(product) ? 128 : 0;
  for (let row = 0; row < m; row++) {
    const from = x + (<usize>row * <usize>columns << 2);
    const at = <usize>row * <usize>padded;
    if (bytes) store<i32>(rowRecord(operand, row), surplus * quantizeBytes(from, columns, padded, kind, scale, zeroPoint, middle, codes + at));
    else quantizeWords(from, columns, padded, kind, scale, zeroPoint, codes + (at << 1));
  }
  if (bytes && !DOT4) delayLarge(operand, codes, m, padded);
}

/** Blocks `from` … `to` of sixteen channels of m rows, into out [m, n]. Threads may do different blocks at the same time. */
export function multiply(product: usize, operand: usize, m: i32, out: usize, from: i32, to: i32): void {
  if (kindOf(product) == FLOAT) multiplyFloat(product, operand, m, out, from, to);
  else if (DOT4 && bytesOf(product)) multiplyFours(product, operand, m, out, from, to);
  else if (ASC_FEATURE_RELAXED_SIMD && bytesOf(product)) multiplyBytes(product, operand, m, out, from, to);
  else multiplyWords(product, operand, m, out, from, to);
}

/** The activation's part of the output multiplier. */
function sourceFactor(kind: i32): f32 {
  if (kind == ONEDNN) return <f32>(1 / <f64>(<f32>(1 / scale)));
  return <f32>scale;
}
