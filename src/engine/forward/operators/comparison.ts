import { invalid } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { describeType } from '../values/describe';
import { category } from '../values/elements';
import { mapElements, zip3Elements, zipElements } from '../values/elementwise';
import { equalValues } from '../values/equal';
import { numberOf, type Operand, resultType } from '../values/promotion';
import { dense, type StridedTensor, scalarTensor } from '../values/stridedTensor';
import { PyFloat, PyList, PyTuple, type Value } from '../values/values';
import { inPlace, isOperand, isScalar } from './arithmetic';
import { alias, define } from './table';

/** Comparisons, logic and choices. */

const comparisons = {
  eq: (a: number, b: number) => a === b,
  ne: (a: number, b: number) => a !== b,
  lt: (a: number, b: number) => a < b,
  le: (a: number, b: number) => a <= b,
  gt: (a: number, b: number) => a > b,
  ge: (a: number, b: number) => a >= b,
} as const;

export type ComparisonName = keyof typeof comparisons;

/** A comparison of any two values: a bool, or a bool tensor where one is a tensor. */
export function compare(run: Run, name: ComparisonName, a: Value, b: Value): Value {
  const f = comparisons[name];
  if (isScalar(a) && isScalar(b)) return f(numberOf(a), numberOf(b));
  if (isOperand(a) && isOperand(b)) {
    return zipElements(run, a, b, resultType(a, b), 'bool', (x, y) => (f(x, y) ? 1 : 0));
  }
  if (name === 'eq') return equalValues(a, b);
  if (name === 'ne') return !equalValues(a, b);
  if (typeof a === 'string' && typeof b === 'string') return f(a < b ? -1 : a > b ? 1 : 0, 0);
  if ((a instanceof PyList && b instanceof PyList) || (a instanceof PyTuple && b instanceof PyTuple)) {
    return compareItems(run, name, a.items, b.items);
  }
  throw invalid('E_RUN_TYPE', `${describeType(a)} and ${describeType(b)} cannot be compared`);
}

function compareItems(run: Run, name: ComparisonName, a: readonly Value[], b: readonly Value[]): Value {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    run.budget.step();
    if (!equalValues(a[i], b[i])) return compare(run, name, a[i], b[i]);
  }
  return comparisons[name](a.length, b.length);
}

for (const name of Object.keys(comparisons) as ComparisonName[]) {
  define(`${name}(any self, any other)`, (run, a: Value, b: Value) => compare(run, name, a, b));
}
alias('greater', 'gt');
alias('greater_equal', 'ge');
alias('less', 'lt');
alias('less_equal', 'le');
alias('not_equal', 'ne');

/** `&`, `|` and `^`: logic of bools, bits of ints. */
export function bitwise(run: Run, name: '&' | '|' | '^', a: Value, b: Value): Value {
  const f = bits[name];
  if (typeof a === 'boolean' && typeof b === 'boolean') return f(Number(a), Number(b)) !== 0;
  if (isScalar(a) && isScalar(b) && !(a instanceof PyFloat) && !(b instanceof PyFloat)) {
    return f(Number(a), Number(b));
  }
  if (isOperand(a) && isOperand(b)) {
    const type = resultType(a, b);
    if (category(type) === 2) throw invalid('E_RUN_TYPE', `"bitwise" not implemented for '${type}'`);
    return zipElements(run, a, b, type, type, f);
  }
  throw invalid('E_RUN_TYPE', `unsupported operand types for ${name}: ${describeType(a)} and ${describeType(b)}`);
}

const bits = {
  '&': (a: number, b: number) => a & b,
  '|': (a: number, b: number) => a | b,
  '^': (a: number, b: number) => a ^ b,
};

for (const [names, symbol] of [
  [['__and__', 'bitwise_and'], '&'],
  [['__or__', 'bitwise_or'], '|'],
  [['__xor__', 'bitwise_xor'], '^'],
] as const) {
  for (const name of names)
    define(`${name}(any self, any other)`, (run, a: Value, b: Value) => bitwise(run, symbol, a, b));
}
define('__iand__(Tensor self, any other)', (run, a: StridedTensor, b: Value) =>
  inPlace(run, a, bitwise(run, '&', a, b) as StridedTensor),
);
define('__ior__(Tensor self, any other)', (run, a: StridedTensor, b: Value) =>
  inPlace(run, a, bitwise(run, '|', a, b) as StridedTensor),
);

/** `~x`: not of bools, the complement of ints. */
export function bitwiseNot(run: Run, x: StridedTensor): StridedTensor {
  if (category(x.type) === 2) throw invalid('E_RUN_TYPE', `"bitwise_not" not implemented for '${x.type}'`);
  return mapElements(run, x, x.type, x.type === 'bool' ? (v) => 1 - v : (v) => ~v);
}
define('bitwise_not(Tensor self)', bitwiseNot);

define('logical_not(Tensor self)', (run, x: StridedTensor) => mapElements(run, x, 'bool', (v) => (v === 0 ? 1 : 0)));
for (const [name, f] of [
  ['logical_and', (a: number, b: number) => (a !== 0 && b !== 0 ? 1 : 0)],
  ['logical_or', (a: number, b: number) => (a !== 0 || b !== 0 ? 1 : 0)],
  ['logical_xor', (a: number, b: number) => ((a !== 0) !== (b !== 0) ? 1 : 0)],
] as const) {
  define(`${name}(Tensor self, Tensor other)`, (run, a: StridedTensor, b: StridedTensor) =>
    zipElements(run, a, b, 'float64', 'bool', f),
  );
}

define('isnan(number self)', (_run, x: number | PyFloat) => Number.isNaN(numberOf(x)));
define('isnan(Tensor self)', (run, x: StridedTensor) => mapElements(run, x, 'bool', (v) => Number(Number.isNaN(v))));
define('isinf(Tensor self)', (run, x: StridedTensor) =>
  mapElements(run, x, 'bool', (v) => Number(Math.abs(v) === Number.POSITIVE_INFINITY)),
);
define('isfinite(Tensor self)', (run, x: StridedTensor) =>
  mapElements(run, x, 'bool', (v) => Number(Number.isFinite(v))),
);

define('where(Tensor condition, any self, any other)', (run, condition: StridedTensor, a: Operand, b: Operand) =>
  zip3Elements(run, [condition, a, b], resultType(a, b), (c, x, y) => (c !== 0 ? x : y)),
);
define(
  'where(Tensor self, Tensor condition, any other)',
  (run, a: StridedTensor, condition: StridedTensor, b: Operand) =>
    zip3Elements(run, [condition, a, b], resultType(a, b), (c, x, y) => (c !== 0 ? x : y)),
);
define(
  'masked_fill(Tensor self, Tensor mask, any value)',
  (run, x: StridedTensor, mask: StridedTensor, value: Operand) =>
    zip3Elements(run, [mask, x, value], x.type, (c, v, fill) => (c !== 0 ? fill : v)),
);
define(
  'masked_fill_(Tensor self, Tensor mask, any value)',
  (run, x: StridedTensor, mask: StridedTensor, value: Operand) =>
    inPlace(
      run,
      x,
      zip3Elements(run, [mask, x, value], x.type, (c, v, fill) => (c !== 0 ? fill : v)),
    ),
);

for (const [name, f] of [
  ['maximum', Math.max],
  ['minimum', Math.min],
] as const) {
  const pick = (run: Run, a: StridedTensor, b: StridedTensor) => {
    const type = resultType(a, b);
    return zipElements(run, a, b, type, type, f);
  };
  define(`${name}(Tensor self, Tensor other)`, pick);
  define(`${name.slice(0, 3)}(Tensor self, Tensor other)`, pick);
}

define('equal(Tensor self, Tensor other)', (run, a: StridedTensor, b: StridedTensor) => {
  if (a.shape.join() !== b.shape.join()) return false;
  const [x, y] = [dense(run.budget, a), dense(run.budget, b)];
  return x.every((value, i) => value === y[i]);
});
define(
  'allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08)',
  (run, a: StridedTensor, b: StridedTensor, rtol: number, atol: number) => {
    const close = zipElements(run, a, b, 'float64', 'bool', (x, y) =>
      Math.abs(x - y) <= atol + rtol * Math.abs(y) ? 1 : 0,
    );
    return dense(run.budget, close).every((value) => value !== 0);
  },
);
define('is_nonzero(Tensor self)', (run, x: StridedTensor) => dense(run.budget, x)[0] !== 0);
define('scalar_tensor(number s)', (_run, s: number | boolean | PyFloat) => scalarTensor('float32', numberOf(s)));
