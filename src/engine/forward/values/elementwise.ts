import type { Run } from '../interpreter/run';
import { broadcastShapes, expand } from './broadcast';
import { castInto, type Elements, type ElementType, newElements } from './elements';
import type { BinaryLoop, UnaryLoop } from './loops';
import { numberOf, type Operand } from './promotion';
import { dense, emptyTensor, StridedTensor } from './stridedTensor';

/** Loops over elements: values are computed in double and rounded once when they are stored. */

/** Charged for one element of a transcendental function, in multiply-adds. */
const functionCost = 8;

/** `out[i] = f(x[i])` in the element type `type`; float32 by `loop` where there is one. */
export function mapElements(
  run: Run,
  x: StridedTensor,
  type: ElementType,
  f: (value: number) => number,
  loop?: UnaryLoop,
): StridedTensor {
  const out = emptyTensor(run.budget, type, x.shape);
  const from = dense(run.budget, x);
  const to = out.storage.data;
  run.budget.compute(to.length * functionCost);
  if (loop !== undefined && from instanceof Float32Array && to instanceof Float32Array) loop(from, to, run.kernels);
  else if (type === 'int64') for (let i = 0; i < to.length; i++) to[i] = Math.trunc(f(from[i]));
  else for (let i = 0; i < to.length; i++) to[i] = f(from[i]);
  return out;
}

/**
 * `out = f(a, b)` with broadcasting. `inner` is the type that operands are rounded to first:
 * float32 with a float64 tensor of no dimension computes in float32. Where operands and result are
 * float32, `loop` does the work.
 */
export function zipElements(
  run: Run,
  a: Operand,
  b: Operand,
  inner: ElementType,
  type: ElementType,
  f: (a: number, b: number) => number,
  loop?: BinaryLoop,
): StridedTensor {
  const shape = broadcastShapes(shapeOf(a), shapeOf(b));
  const out = emptyTensor(run.budget, type, shape);
  const to = out.storage.data;
  run.budget.compute(to.length);
  const left = elements(run, a, shape, inner);
  const right = elements(run, b, shape, inner);
  const [leftPeriod, rightPeriod] = [left.length, right.length];
  const whole = type === 'int64';
  if (loop !== undefined && leftPeriod === to.length && isFloat(left) && isFloat(right) && isFloat(to)) {
    repeatRight(loop, left, right, to);
  } else if (leftPeriod === to.length && rightPeriod === to.length) {
    for (let i = 0; i < to.length; i++) to[i] = f(left[i], right[i]);
  } else if (rightPeriod === 1 && leftPeriod === to.length) {
    const y = right[0];
    for (let i = 0; i < to.length; i++) to[i] = f(left[i], y);
  } else {
    for (let i = 0, l = 0, r = 0; i < to.length; i++) {
      to[i] = f(left[l], right[r]);
      if (++l === leftPeriod) l = 0;
      if (++r === rightPeriod) r = 0;
    }
  }
  if (whole) for (let i = 0; i < to.length; i++) to[i] = Math.trunc(to[i]);
  return out;
}

const isFloat = (values: Elements): values is Float32Array => values instanceof Float32Array;

/** `out = left op right`, the right again and again. */
function repeatRight(loop: BinaryLoop, left: Float32Array, right: Float32Array, out: Float32Array): void {
  if (right.length === 1) loop.number(left, right[0], out);
  else for (let at = 0; at < out.length; at += right.length) loop.rows(left, right, out, at);
}

function shapeOf(operand: Operand): readonly number[] {
  return operand instanceof StridedTensor ? operand.shape : [];
}

/** Elements of an operand for a result of `shape`; they repeat where they are fewer. */
function elements(run: Run, operand: Operand, shape: readonly number[], inner: ElementType): Elements {
  if (!(operand instanceof StridedTensor)) return castInto(inner, [numberOf(operand)], newElements(inner, 1));
  const rounded = (values: Elements): Elements =>
    operand.type === inner || (inner !== 'float32' && inner !== 'bool')
      ? values
      : castInto(inner, values, newElements(inner, values.length));
  // A suffix of the result's shape repeats as it is; everything else is spread out first.
  const trimmed = trimLeadingOnes(operand.shape);
  const suffix = trimmed.every((size, i) => size === shape[shape.length - trimmed.length + i]);
  const spread = suffix ? operand : expand(operand, shape);
  return rounded(dense(run.budget, spread));
}

function trimLeadingOnes(shape: readonly number[]): readonly number[] {
  const first = shape.findIndex((size) => size !== 1);
  return first < 0 ? [] : shape.slice(first);
}

/** The result of an element-wise function of three operands, such as where and lerp. */
export function zip3Elements(
  run: Run,
  [a, b, c]: readonly [Operand, Operand, Operand],
  type: ElementType,
  f: (a: number, b: number, c: number) => number,
): StridedTensor {
  const shape = broadcastShapes(shapeOf(a), shapeOf(b), shapeOf(c));
  const out = emptyTensor(run.budget, type, shape);
  const to = out.storage.data;
  run.budget.compute(to.length);
  const x = elements(run, a, shape, 'float64');
  const y = elements(run, b, shape, 'float64');
  const z = elements(run, c, shape, 'float64');
  for (let i = 0; i < to.length; i++) to[i] = f(x[i % x.length], y[i % y.length], z[i % z.length]);
  return out;
}
