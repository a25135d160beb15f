// Functions of each value by itself, the same arithmetic as reference/portableFunctions.ts, which explains it.
import { exponential, decay, tanh4 } from './activations';
import { demote, promoteHigh } from './fma';

export const RELU: i32 = 0;
export const SIGMOID: i32 = 1;
export const TANH: i32 = 2;
export const SILU: i32 = 3;
export const GELU: i32 = 4;
export const GELU_TANH: i32 = 5;

/** Pairs of doubles: the coefficients of `tail`, then 1, 3, 1/√2, 40, 1/2, 0.044715, 2√(2/π). */
const TABLE: usize = memory.data<f64>(
  [
    1.2530080582394574, 1.2530080582394574, -0.13562110665569863, -0.13562110665569863, -0.04756229020461589,
    -0.04756229020461589, 0.12964519143333791, 0.12964519143333791, -0.11927373958455878, -0.11927373958455878,
    0.06830744117450785, 0.06830744117450785, -0.02377030952721432, -0.02377030952721432, 0.0025336427233478716,
    0.0025336427233478716, 0.0018916384595721095, 0.0018916384595721095, -0.0007921501195649666,
    -0.0007921501195649666, -0.00012388107148558007, -0.00012388107148558007, 0.00013116394026136392,
    0.00013116394026136392, 3.470618381744089e-5, 3.470618381744089e-5, 1, 1, 3, 3, 0.7071067811865476,
    0.7071067811865476, 40, 40, 0.5, 0.5, 0.044715, 0.044715, 1.5957691216057308, 1.5957691216057308,
  ],
  16,
);

// @ts-ignore: decorator
@inline
function constant(index: i32): v128 {
  return v128.load(TABLE + (index << 4));
}

/** Coefficients i and i + 1. */
// @ts-ignore: decorator
@inline
function line(i: i32, t: v128): v128 {
  return f64x2.add(constant(i), f64x2.mul(t, constant(i + 1)));
}

/** Half of erfc(|x| / √2). */
// @ts-ignore: decorator
@inline
function tail(x: v128): v128 {
  const one = constant(13);
  const middle = constant(14);
  const y = f64x2.pmin(f64x2.mul(f64x2.abs(x), constant(15)), constant(16));
  const far = f64x2.add(y, middle);
  const ends = f64x2.add(one, f64x2.add(y, y));
  const inverse = f64x2.div(one, f64x2.mul(far, ends));
  const t = f64x2.mul(f64x2.mul(f64x2.sub(y, middle), ends), inverse);
  const t2 = f64x2.mul(t, t);
  const t4 = f64x2.mul(t2, t2);
  const c47 = f64x2.add(line(4, t), f64x2.mul(t2, line(6, t)));
  const low = f64x2.add(f64x2.add(line(0, t), f64x2.mul(t2, line(2, t))), f64x2.mul(t4, c47));
  const high = f64x2.add(f64x2.add(line(8, t), f64x2.mul(t2, line(10, t))), f64x2.mul(t4, constant(12)));
  const p = f64x2.add(low, f64x2.mul(f64x2.mul(t4, t4), high));
  const scaled = f64x2.mul(p, f64x2.mul(far, inverse));
  return f64x2.mul(constant(17), f64x2.mul(scaled, decay(f64x2.neg(f64x2.mul(y, y)))));
}

// @ts-ignore: decorator
@inline
function logistic(x: v128): v128 {
  return f64x2.add(constant(13), exponential(f64x2.neg(x)));
}

// @ts-ignore: decorator
@inline
function apply2(kind: i32, x: v128): v128 {
  if (kind == SIGMOID) return f64x2.div(constant(13), logistic(x));
  if (kind == SILU) return f64x2.div(x, logistic(x));
  if (kind == GELU) {
    const beyond = tail(x);
    const negative = f64x2.lt(x, f64x2.splat(0));
    return f64x2.mul(x, v128.bitselect(beyond, f64x2.sub(constant(13), beyond), negative));
  }
  const cube = f64x2.mul(constant(18), f64x2.mul(f64x2.mul(x, x), x));
  return f64x2.div(x, logistic(f64x2.mul(constant(19), f64x2.add(x, cube))));
}

// @ts-ignore: decorator
@inline
function apply4(kind: i32, x: v128): v128 {
  if (kind == RELU) return v128.andnot(x, f32x4.le(x, f32x4.splat(0)));
  if (kind == TANH) return tanh4(x);
  return demote(apply2(kind, f64x2.promote_low_f32x4(x)), apply2(kind, promoteHigh(x)));
}

// @ts-ignore: decorator
@inline
function run(kind: i32, x: usize, end: usize): void {
  for (; x < end; x += 16) v128.store(x, apply4(kind, v128.load(x)));
}

// A function for each, or the compiler makes one loop of all, which looks at the kind for every vector.
function relu(x: usize, end: usize): void {
  run(RELU, x, end);
}

function sigmoid(x: usize, end: usize): void {
  run(SIGMOID, x, end);
}

function tanh(x: usize, end: usize): void {
  run(TANH, x, end);
}

function silu(x: usize, end: usize): void {
  run(SILU, x, end);
}

function gelu(x: usize, end: usize): void {
  run(GELU, x, end);
}

function geluTanh(x: usize, end: usize): void {
  run(GELU_TANH, x, end);
}

/** Applies a function to `count` values where they are; up to three after the last are overwritten. */
export function activate(kind: i32, x: usize, count: i32): void {
  const end = x + (<usize>count << 2);
  if (kind == RELU) relu(x, end);
  else if (kind == SIGMOID) sigmoid(x, end);
  else if (kind == TANH) tanh(x, end);
  else if (kind == SILU) silu(x, end);
  else if (kind == GELU) gelu(x, end);
  else geluTanh(x, end);
}
