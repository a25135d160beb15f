import { invalid } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { describeType } from '../values/describe';
import { category, type ElementType, isFloating } from '../values/elements';
import { zipElements } from '../values/elementwise';
import { floorMod } from '../values/functions';
import * as loops from '../values/loops';
import { numberOf, type Operand, resultType } from '../values/promotion';
import { dense, StridedTensor, scatter } from '../values/stridedTensor';
import { PyFloat, PyList, PyTuple, type Value } from '../values/values';
import { alias, define } from './table';

/** Arithmetic of tensors and numbers with PyTorch's promotion, and of Python's own values. */

type Scalar = number | boolean | PyFloat;

export function isScalar(value: Value): value is Scalar {
  return typeof value === 'number' || typeof value === 'boolean' || value instanceof PyFloat;
}

export function isOperand(value: Value): value is Operand {
  return value instanceof StridedTensor || isScalar(value);
}

interface ArithmeticOperator {
  readonly symbol: string;
  readonly f: (a: number, b: number) => number;
  /** Type of the result, from that of the operands together. */
  readonly type?: (inner: ElementType) => ElementType;
  /** Always a float, as `/` of two ints. */
  readonly float?: boolean;
  readonly loop?: loops.BinaryLoop;
}

const trueDivision = (inner: ElementType): ElementType => (isFloating(inner) ? inner : 'float32');

const operators = {
  add: { symbol: '+', f: (a, b) => a + b, loop: loops.add },
  sub: { symbol: '-', f: (a, b) => a - b, loop: loops.sub },
  mul: { symbol: '*', f: (a, b) => a * b, loop: loops.mul },
  div: { symbol: '/', f: (a, b) => a / b, type: trueDivision, float: true, loop: loops.div },
  floor_divide: { symbol: '//', f: (a, b) => Math.floor(a / b) },
  trunc_divide: { symbol: '/', f: (a, b) => Math.trunc(a / b) },
  remainder: { symbol: '%', f: floorMod },
  fmod: { symbol: 'fmod', f: (a, b) => a % b },
  pow: { symbol: '**', f: power },
} as const satisfies Record<string, ArithmeticOperator>;

export type ArithmeticName = keyof typeof operators;

function power(a: number, b: number): number {
  if (b === 2) return a * a;
  if (b === 0.5) return Math.sqrt(a);
  return a ** b;
}

/** A tensor operation with promotion; the rules that PyTorch makes exceptions of are here. */
export function tensorArithmetic(run: Run, name: ArithmeticName, a: Operand, b: Operand): StridedTensor {
  const { f, type, loop }: ArithmeticOperator = operators[name];
  const joint = resultType(a, b);
  if (name === 'sub' && joint === 'bool') {
    throw invalid('E_RUN_TYPE', 'Subtraction, the `-` operator, with two bool tensors is not supported.', {
      hint: 'Use the `^` or `logical_xor()` operator instead.',
    });
  }
  if (name === 'pow' && category(joint) < 2 && isScalar(b as Value) && numberOf(b as Scalar) < 0) {
    throw invalid('E_RUN_TYPE', 'Integers to negative integer powers are not allowed.');
  }
  if (
    (name === 'floor_divide' || name === 'remainder') &&
    category(joint) < 2 &&
    !(b instanceof StridedTensor) &&
    numberOf(b) === 0
  ) {
    throw invalid('E_RUN_TYPE', 'ZeroDivisionError');
  }
  const result = type === undefined ? joint : type(joint);
  const logical = joint === 'bool' && (name === 'add' || name === 'mul');
  return zipElements(run, a, b, result, result, logical ? (x, y) => (f(x, y) !== 0 ? 1 : 0) : f, loop);
}

/** Python's arithmetic for what is no tensor; undefined where the operator does not fit the values. */
export function scalarArithmetic(run: Run, name: ArithmeticName, a: Scalar, b: Scalar): Value {
  const { f, float }: ArithmeticOperator = operators[name];
  const [x, y] = [numberOf(a), numberOf(b)];
  if ((name === 'div' || name === 'floor_divide' || name === 'remainder') && y === 0) {
    throw invalid('E_RUN_ZERO', 'ZeroDivisionError: division by zero');
  }
  const isFloat = float === true || a instanceof PyFloat || b instanceof PyFloat || (name === 'pow' && y < 0);
  run.budget.compute(1);
  const value = f(x, y);
  return isFloat ? new PyFloat(value) : wholeNumber(value);
}

/** An int that is exact here; beyond 2^53 it would not be. */
export function wholeNumber(value: number): number {
  if (!Number.isSafeInteger(value)) {
    throw invalid('E_RUN_INT', `The whole number ${value} is beyond 2^53, which cannot be kept exactly here.`);
  }
  return value === 0 ? 0 : value;
}

/** `a op b` of any two values. */
export function arithmetic(run: Run, name: ArithmeticName, a: Value, b: Value): Value {
  if (isScalar(a) && isScalar(b)) return scalarArithmetic(run, name, a, b);
  if (isOperand(a) && isOperand(b)) return tensorArithmetic(run, name, a, b);
  const joined = name === 'add' ? concatenate(run, a, b) : name === 'mul' ? repeat(run, a, b) : undefined;
  if (joined !== undefined) return joined;
  throw invalid(
    'E_RUN_TYPE',
    `unsupported operand types for ${operators[name].symbol}: ${describeType(a)} and ${describeType(b)}`,
  );
}

function concatenate(run: Run, a: Value, b: Value): Value | undefined {
  if (typeof a === 'string' && typeof b === 'string') {
    run.budget.items(a.length + b.length);
    return a + b;
  }
  if (a instanceof PyList && b instanceof PyList) {
    run.budget.items(a.items.length + b.items.length);
    return new PyList([...a.items, ...b.items]);
  }
  if (a instanceof PyTuple && b instanceof PyTuple) {
    run.budget.items(a.items.length + b.items.length);
    return new PyTuple([...a.items, ...b.items]);
  }
  return undefined;
}

function repeat(run: Run, a: Value, b: Value): Value | undefined {
  const [sequence, times] = typeof b === 'number' || typeof b === 'boolean' ? [a, Number(b)] : [b, a];
  if (typeof times !== 'number') return undefined;
  const count = Math.max(0, times);
  if (typeof sequence === 'string') {
    run.budget.items(sequence.length * count);
    return sequence.repeat(count);
  }
  if (!(sequence instanceof PyList || sequence instanceof PyTuple)) return undefined;
  run.budget.items(sequence.items.length * count);
  const items = Array.from({ length: count }, () => sequence.items).flat();
  return sequence instanceof PyList ? new PyList(items) : new PyTuple(items);
}

/** `x op= y` of a tensor: computed, then written through the view; a result of a higher category is refused. */
export function inPlace(run: Run, x: StridedTensor, result: StridedTensor): StridedTensor {
  if (category(result.type) > category(x.type)) {
    throw invalid('E_RUN_TYPE', `result type ${result.dtype} can't be cast to the desired output type ${x.dtype}`);
  }
  if (result.shape.join() !== x.shape.join()) {
    throw invalid(
      'E_RUN_SHAPE',
      `output with shape [${x.shape.join(', ')}] doesn't match the broadcast shape [${result.shape.join(', ')}]`,
    );
  }
  scatter(run.budget, x, dense(run.budget, result));
  return x;
}

/** `other` times alpha, where alpha is not 1. */
export function scaled(run: Run, other: Value, alpha: Scalar): Value {
  return numberOf(alpha) === 1 ? other : arithmetic(run, 'mul', other, alpha);
}

function divisionOf(mode: string | null): ArithmeticName {
  return mode === 'floor' ? 'floor_divide' : mode === 'trunc' ? 'trunc_divide' : 'div';
}

define('add(any self, any other, *, number alpha=1)', (run, a: Value, b: Value, alpha: Scalar) =>
  arithmetic(run, 'add', a, scaled(run, b, alpha)),
);
define('sub(any self, any other, *, number alpha=1)', (run, a: Value, b: Value, alpha: Scalar) =>
  arithmetic(run, 'sub', a, scaled(run, b, alpha)),
);
define('add(any self, any other, number alpha)', (run, a: Value, b: Value, alpha: Scalar) =>
  arithmetic(run, 'add', a, scaled(run, b, alpha)),
);
define('sub(any self, any other, number alpha)', (run, a: Value, b: Value, alpha: Scalar) =>
  arithmetic(run, 'sub', a, scaled(run, b, alpha)),
);
define('rsub(any self, any other, number alpha=1)', (run, a: Value, b: Value, alpha: Scalar) =>
  arithmetic(run, 'sub', b, scaled(run, a, alpha)),
);
define('mul(any self, any other)', (run, a: Value, b: Value) => arithmetic(run, 'mul', a, b));
define('div(any self, any other, *, str? rounding_mode=None)', (run, a: Value, b: Value, mode: string | null) =>
  arithmetic(run, divisionOf(mode), a, b),
);
define('floor_divide(any self, any other)', (run, a: Value, b: Value) => arithmetic(run, 'floor_divide', a, b));
define('remainder(any self, any other)', (run, a: Value, b: Value) => arithmetic(run, 'remainder', a, b));
define('fmod(any self, any other)', (run, a: Value, b: Value) => arithmetic(run, 'fmod', a, b));
define('pow(any self, any exponent)', (run, a: Value, b: Value) => arithmetic(run, 'pow', a, b));

const written: readonly (readonly [string, ArithmeticName])[] = [
  ['add_', 'add'],
  ['sub_', 'sub'],
];
for (const [name, operation] of written) {
  define(`${name}(Tensor self, any other, number alpha=1)`, (run, x: StridedTensor, other: Value, alpha: Scalar) =>
    inPlace(run, x, arithmetic(run, operation, x, scaled(run, other, alpha)) as StridedTensor),
  );
}
for (const [name, operation] of [
  ['mul_', 'mul'],
  ['pow_', 'pow'],
  ['floor_divide_', 'floor_divide'],
  ['remainder_', 'remainder'],
  ['fmod_', 'fmod'],
] as const) {
  define(`${name}(Tensor self, any other)`, (run, x: StridedTensor, other: Value) =>
    inPlace(run, x, arithmetic(run, operation, x, other) as StridedTensor),
  );
}

define(
  'div_(Tensor self, any other, *, str? rounding_mode=None)',
  (run, x: StridedTensor, other: Value, mode: string | null) =>
    inPlace(run, x, arithmetic(run, divisionOf(mode), x, other) as StridedTensor),
);
define('add_(list self, list other)', (run, list: PyList, other: PyList) => {
  run.budget.items(list.items.length + other.items.length);
  list.items.push(...other.items);
  return list;
});

alias('subtract', 'sub');
alias('multiply', 'mul');
alias('multiply_', 'mul_');
alias('divide', 'div');
alias('true_divide', 'div');
alias('floordiv', 'floor_divide');
alias('mod', 'remainder');

define(
  'addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, number value=1)',
  (run, x: StridedTensor, a: StridedTensor, b: StridedTensor, value: Scalar) =>
    tensorArithmetic(run, 'add', x, tensorArithmetic(run, 'mul', tensorArithmetic(run, 'mul', a, b), value)),
);
define(
  'addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, number value=1)',
  (run, x: StridedTensor, a: StridedTensor, b: StridedTensor, value: Scalar) =>
    tensorArithmetic(run, 'add', x, tensorArithmetic(run, 'mul', tensorArithmetic(run, 'div', a, b), value)),
);
define('lerp(Tensor self, Tensor end, any weight)', (run, x: StridedTensor, end: StridedTensor, weight: Operand) =>
  tensorArithmetic(run, 'add', x, tensorArithmetic(run, 'mul', weight, tensorArithmetic(run, 'sub', end, x))),
);
