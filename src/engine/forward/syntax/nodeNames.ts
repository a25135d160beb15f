import type * as ast from './ast';

/** CPython's node names and what they mean in our tree. */

export const binaryOperators: Readonly<Record<string, ast.BinaryOperator>> = {
  Add: '+',
  Sub: '-',
  Mult: '*',
  Div: '/',
  FloorDiv: '//',
  Mod: '%',
  Pow: '**',
  MatMult: '@',
  BitAnd: '&',
  BitOr: '|',
  BitXor: '^',
  LShift: '<<',
  RShift: '>>',
};
export const compareOperators: Readonly<Record<string, ast.CompareOperator>> = {
  Eq: '==',
  NotEq: '!=',
  Lt: '<',
  LtE: '<=',
  Gt: '>',
  GtE: '>=',
  Is: 'is',
  IsNot: 'is not',
  In: 'in',
  NotIn: 'not in',
};
export const unaryOperators: Readonly<Record<string, ast.UnaryOperator>> = {
  USub: '-',
  UAdd: '+',
  Invert: '~',
  Not: 'not',
};

/** What a person calls the constructs that the subset leaves out. */
export const refused: Readonly<Record<string, string>> = {
  AsyncFunctionDef: 'async def',
  AsyncFor: 'async for',
  AsyncWith: 'async with',
  Await: 'await',
  Delete: 'del',
  Global: 'global',
  Nonlocal: 'nonlocal',
  Match: 'match',
  Try: 'try',
  TryStar: 'try',
  NamedExpr: ':=',
  Yield: 'yield',
  YieldFrom: 'yield from',
  TypeAlias: 'type',
  TemplateStr: 'a template string',
};
