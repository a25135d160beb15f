import { invalid, unsupported } from '../../../core/errors';
import { type ArithmeticName, arithmetic } from '../operators/arithmetic';
import { bitwise, type ComparisonName, compare } from '../operators/comparison';
import { matmul } from '../operators/matrix';
import { contains } from '../operators/script';
import type * as ast from '../syntax/ast';
import { describeType } from '../values/describe';
import { equalValues } from '../values/equal';
import { StridedTensor } from '../values/stridedTensor';
import { formatPercent } from '../values/text';
import { DTypeValue, type Value } from '../values/values';
import type { Run } from './run';

/** Python's operators on two values. */

const arithmeticNames: Partial<Record<ast.BinaryOperator, ArithmeticName>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '//': 'floor_divide',
  '%': 'remainder',
  '**': 'pow',
};

/** `a op b`; a pair of bare values for augmented assignment too. */
export function binary(run: Run, operator: ast.BinaryOperator, a: Value, b: Value): Value {
  const name = arithmeticNames[operator];
  if (name !== undefined) {
    if (name === 'remainder' && typeof a === 'string') {
      run.budget.items(a.length);
      const text = formatPercent(a, b);
      run.budget.items(text.length);
      return text;
    }
    return arithmetic(run, name, a, b);
  }
  if (operator === '@') {
    if (a instanceof StridedTensor && b instanceof StridedTensor) return matmul(run, a, b);
    throw invalid('E_RUN_TYPE', `unsupported operand types for @: ${describeType(a)} and ${describeType(b)}`);
  }
  if (operator === '&' || operator === '|' || operator === '^') return bitwise(run, operator, a, b);
  if (typeof a === 'number' && typeof b === 'number' && b >= 0 && b < 31 && Math.abs(a) < 2 ** 22) {
    return operator === '<<' ? a * 2 ** b : Math.floor(a / 2 ** b);
  }
  throw unsupported(
    'E_PY_UNSUPPORTED',
    `${operator} of ${describeType(a)} and ${describeType(b)} is not part of the subset.`,
  );
}

const comparisonNames: Partial<Record<ast.CompareOperator, ComparisonName>> = {
  '==': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
};

export function compareValues(run: Run, operator: ast.CompareOperator, a: Value, b: Value): Value {
  const name = comparisonNames[operator];
  if (name !== undefined) return compare(run, name, a, b);
  if (operator === 'in') return contains(run, b, a);
  if (operator === 'not in') return !contains(run, b, a);
  const same = a === b || (a instanceof DTypeValue && equalValues(a, b));
  return operator === 'is' ? same : !same;
}
