// Steps of an LSTM or GRU layer in one direction: the product of the hidden state, the gates and the
// new state, all in one call. The order of the float operations is that of nn/recurrentSteps.ts.
//
// ih      [steps in all · batch, gates · hidden padded to 16]: the input's product, bias added
// h       [batch, hidden]: the state before the first step
// c       [batch, hidden]: the cell state of an LSTM, overwritten
// operand what `prepare` writes; product [batch, gates · hidden padded to 16]
// output  [steps in all, batch, hidden]; every state h' is written here and read from here again
import { sigmoid4, tanh4 } from './activations';
import { channelsOf } from './descriptor';
import { multiply, prepare, prepareKnown } from './linear';

let low: f32 = 0;
let high: f32 = 0;
let unsound: bool = false;

/** Runs steps first … first + count − 1 (in the order of time `reverse` gives). False when a hidden state has NaN. */
export function lstmSteps(weights: usize, ih: usize, h: usize, c: usize, operand: usize, product: usize, output: usize, total: i32, first: i32, count: i32, batch: i32, hidden: i32, reverse: bool): bool {
  return runSteps(true, weights, ih, h, c, operand, product, output, total, first, count, batch, hidden, reverse);
}

export function gruSteps(weights: usize, ih: usize, h: usize, c: usize, operand: usize, product: usize, output: usize, total: i32, first: i32, count: i32, batch: i32, hidden: i32, reverse: bool): bool {
  return runSteps(false, weights, ih, h, c, operand, product, output, total, first, count, batch, hidden, reverse);
}

// @ts-ignore: decorator
@inline
function runSteps(lstm: bool, weights: usize, ih: usize, h: usize, c: usize, operand: usize, product: usize, output: usize, total: i32, first: i32, count: i32, batch: i32, hidden: i32, reverse: bool): bool {
  const stateBytes = <usize>batch * <usize>hidden << 2;
  const blocks = channelsOf(weights) >> 4;
  for (let i = 0; i < count; i++) {
    if (!begin(weights, h, batch, operand, i == 0)) return false;
    multiply(weights, operand, batch, product, 0, blocks);
    const step = reverse ? total - 1 - first - i : first + i;
    const next = output + <usize>step * stateBytes;
    end(lstm, weights, ih + <usize>step * <usize>batch * (<usize>channelsOf(weights) << 2), h, c, product, next, batch, hidden);
    h = next;
  }
  return true;
}

/** The start of one step, before the product: for a host that shares the product among threads. */
export function beginStep(weights: usize, h: usize, batch: i32, operand: usize, first: bool): bool {
  return begin(weights, h, batch, operand, first);
}

/** The end of one step, after the product. `ih` is that of the step; `before` and `next` are the states around it. */
export function endLstmStep(weights: usize, ih: usize, before: usize, c: usize, product: usize, next: usize, batch: i32, hidden: i32): void {
  end(true, weights, ih, before, c, product, next, batch, hidden);
}

export function endGruStep(weights: usize, ih: usize, before: usize, c: usize, product: usize, next: usize, batch: i32, hidden: i32): void {
  end(false, weights, ih, before, c, product, next, batch, hidden);
}

/** The range of a state is known from the step that made it, but for the first. */
// @ts-ignore: decorator
@inline
function begin(weights: usize, h: usize, batch: i32, operand: usize, first: bool): bool {
  if (first) return prepare(weights, h, batch, operand);
  if (unsound) return false;
  prepareKnown(weights, h, batch, operand, low, high);
  return true;
}

// @ts-ignore: decorator
@inline
function end(lstm: bool, weights: usize, ih: usize, before: usize, c: usize, product: usize, next: usize, batch: i32, hidden: i32): void {
  const rowBytes = <usize>channelsOf(weights) << 2;
  resetRange();
  for (let row = 0; row < batch; row++) {
    const state = <usize>row * <usize>hidden << 2;
    const x = ih + <usize>row * rowBytes;
    const y = product + <usize>row * rowBytes;
    if (lstm) lstmRow(x, y, c + state, next + state, hidden);
    else gruRow(x, y, before + state, next + state, hidden);
  }
  foldRange();
}

let mins: usize = memory.data(48, 16);

function resetRange(): void {
  v128.store(mins, f32x4.splat(Infinity));
  v128.store(mins, f32x4.splat(-Infinity), 16);
  v128.store(mins, i32x4.splat(0), 32);
}

/** The smaller or larger of two lanes each: without the branches of a comparison, which no processor foresees. */
function foldRange(): void {
  let min = v128.load(mins);
  let max = v128.load(mins, 16);
  min = f32x4.pmin(v128.shuffle<f32>(min, min, 2, 3, 0, 1), min);
  max = f32x4.pmax(v128.shuffle<f32>(max, max, 2, 3, 0, 1), max);
  low = f32x4.extract_lane(f32x4.pmin(v128.shuffle<f32>(min, min, 1, 0, 3, 2), min), 0);
  high = f32x4.extract_lane(f32x4.pmax(v128.shuffle<f32>(max, max, 1, 0, 3, 2), max), 0);
  unsound = v128.any_true(v128.load(mins, 32));
}

/**
 * Gates i, f, g, o: `c' = f·c + i·g`, `h' = o · tanh(c')`, in two passes: tanh(c') waits for all four gates,
 * and in a pass of its own the waits of different units overlap. o stays in hh between them; where it
 * covers the next gate's first values, these have been read.
 */
function lstmRow(ih: usize, hh: usize, c: usize, h: usize, hidden: i32): void {
  const gate = <usize>hidden << 2;
  for (let j = 0; j < hidden; j += 4) {
    const at = <usize>j << 2;
    const x = ih + at;
    const y = hh + at;
    const input = sigmoid4(f32x4.add(v128.load(y), v128.load(x)));
    const forget = sigmoid4(f32x4.add(v128.load(y + gate), v128.load(x + gate)));
    const candidate = tanh4(f32x4.add(v128.load(y + 2 * gate), v128.load(x + 2 * gate)));
    const exit = sigmoid4(f32x4.add(v128.load(y + 3 * gate), v128.load(x + 3 * gate)));
    storeLanes(c + at, f32x4.add(f32x4.mul(forget, v128.load(c + at)), f32x4.mul(input, candidate)), hidden - j);
    v128.store(y, exit);
  }
  let min = v128.load(mins);
  let max = v128.load(mins, 16);
  let nan = v128.load(mins, 32);
  for (let j = 0; j < hidden; j += 4) {
    const at = <usize>j << 2;
    const state = f32x4.mul(v128.load(hh + at), tanh4(v128.load(c + at)));
    const kept = keep(state, hidden - j);
    min = f32x4.pmin(kept, min);
    max = f32x4.pmax(kept, max);
    nan = v128.or(nan, f32x4.ne(kept, kept));
    storeLanes(h + at, state, hidden - j);
  }
  v128.store(mins, min);
  v128.store(mins, max, 16);
  v128.store(mins, nan, 32);
}

/** Gates r, z, n: `n = tanh(ih_n + r · hh_n)`, `h' = (h − n) · z + n`. */
function gruRow(ih: usize, hh: usize, before: usize, h: usize, hidden: i32): void {
  const gate = <usize>hidden << 2;
  let min = v128.load(mins);
  let max = v128.load(mins, 16);
  let nan = v128.load(mins, 32);
  for (let j = 0; j < hidden; j += 4) {
    const at = <usize>j << 2;
    const x = ih + at;
    const y = hh + at;
    const reset = sigmoid4(f32x4.add(v128.load(y), v128.load(x)));
    const update = sigmoid4(f32x4.add(v128.load(y + gate), v128.load(x + gate)));
    const candidate = tanh4(f32x4.add(v128.load(x + 2 * gate), f32x4.mul(v128.load(y + 2 * gate), reset)));
    const state = f32x4.add(f32x4.mul(f32x4.sub(v128.load(before + at), candidate), update), candidate);
    const kept = keep(state, hidden - j);
    min = f32x4.pmin(kept, min);
    max = f32x4.pmax(kept, max);
    nan = v128.or(nan, f32x4.ne(kept, kept));
    storeLanes(h + at, state, hidden - j);
  }
  v128.store(mins, min);
  v128.store(mins, max, 16);
  v128.store(mins, nan, 32);
}

/** Lanes past the end of the row repeat lane 0, so that they do not widen the range. */
// @ts-ignore: decorator
@inline
function keep(state: v128, lanes: i32): v128 {
  if (lanes >= 4) return state;
  const first = v128.shuffle<f32>(state, state, 0, 0, 0, 0);
  const index = i32x4(0, 1, 2, 3);
  return v128.bitselect(state, first, i32x4.lt_s(index, i32x4.splat(lanes)));
}

// @ts-ignore: decorator
@inline
function storeLanes(to: usize, value: v128, lanes: i32): void {
  if (lanes >= 4) {
    v128.store(to, value);
    return;
  }
  store<f32>(to, f32x4.extract_lane(value, 0));
  if (lanes > 1) store<f32>(to, f32x4.extract_lane(value, 1), 4);
  if (lanes > 2) store<f32>(to, f32x4.extract_lane(value, 2), 8);
}
