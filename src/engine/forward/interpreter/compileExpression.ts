import { invalid, unsupported } from '../../../core/errors';
import { isOperand } from '../operators/arithmetic';
import { bitwiseNot } from '../operators/comparison';
import { negate } from '../operators/unary';
import type * as ast from '../syntax/ast';
import { describeType } from '../values/describe';
import { truthy } from '../values/protocols';
import { StridedTensor } from '../values/stridedTensor';
import { clip, formatValue, repr, str } from '../values/text';
import { ellipsis, type PyClass, PyFloat, PySlice, type Value } from '../values/values';
import { binary, compareValues } from './binary';
import { compileCall } from './compileCall';
import { compileComprehension, compileDict, compileSequence } from './compileCollection';
import type { Dialect } from './dialect';
import type { Frame } from './frame';
import { PyFunction } from './pyFunction';
import type { Scope } from './scope';
import { getItem } from './subscript';

/** Expressions to closures: names become slots once, and every call is charged a step. */

export type Thunk = (frame: Frame) => Value;

export interface CompileContext {
  readonly scope: Scope;
  readonly dialect: Dialect;
  /** The class around, for super(). */
  readonly owner: PyClass | undefined;
  /** Name of the first parameter. */
  readonly self: string | undefined;
}

export function compileExpression(node: ast.Expression, context: CompileContext): Thunk {
  switch (node.kind) {
    case 'Literal':
      return literal(node);
    case 'Name':
      return compileName(node, context);
    case 'Attribute':
      return compileAttribute(node, context);
    case 'Subscript': {
      const [value, index] = [compileExpression(node.value, context), compileExpression(node.index, context)];
      return (f) => getItem(f.run, value(f), index(f));
    }
    case 'Slice': {
      const [lower, upper, step] = [node.lower, node.upper, node.step].map(
        (part) => part && compileExpression(part, context),
      );
      return (f) =>
        new PySlice(
          lower === undefined ? null : lower(f),
          upper === undefined ? null : upper(f),
          step === undefined ? null : step(f),
        );
    }
    case 'Call':
      return compileCall(node, context);
    case 'Binary': {
      const [left, right] = [compileExpression(node.left, context), compileExpression(node.right, context)];
      const { operator } = node;
      return (f) => {
        f.run.budget.step();
        const a = left(f);
        return binary(f.run, operator, a, right(f));
      };
    }
    case 'Unary':
      return compileUnary(node, context);
    case 'Compare':
      return compileCompare(node, context);
    case 'Logical': {
      const values = node.values.map((value) => compileExpression(value, context));
      const stopAt = node.operator === 'or';
      return (f) => {
        let result: Value = null;
        for (const value of values) {
          result = value(f);
          if (truthy(result) === stopAt) return result;
        }
        return result;
      };
    }
    case 'Conditional': {
      const [test, body, orElse] = [node.test, node.body, node.orElse].map((part) => compileExpression(part, context));
      return (f) => (truthy(test(f)) ? body(f) : orElse(f));
    }
    case 'Tuple':
    case 'List':
    case 'Set':
      return compileSequence(node, context);
    case 'Dict':
      return compileDict(node, context);
    case 'Lambda': {
      const { dialect, scope, owner } = context;
      return (f) => new PyFunction('<lambda>', node.parameters, node.body, dialect, node.line, scope, f, owner);
    }
    case 'Comprehension':
      return compileComprehension(node, context);
    case 'FormatString':
      return compileFormat(node.parts, context);
    case 'Starred':
      throw refuse(node, 'A star here', context);
    case 'Unsupported':
      throw refuse(node, node.what, context);
  }
}

/** The error for a construct that the subset leaves out. */
export function refuse(place: ast.Place, what: string, { dialect }: CompileContext): Error {
  return unsupported('E_PY_UNSUPPORTED', `${what} is not part of the Python that Quantscope runs.`, {
    where: { file: dialect.file, field: `line ${place.line}` },
    hint: 'Rewrite it with assignments, arithmetic, if, for, while, comprehensions and calls.',
  });
}

function literal(node: ast.Literal): Thunk {
  if (node.type === 'float') {
    const value = new PyFloat(node.value);
    return () => value;
  }
  if (node.type === 'none') return () => null;
  const value = node.type === 'int' || node.type === 'bool' || node.type === 'str' ? node.value : ellipsis;
  return () => value;
}

function compileName({ id, line }: ast.Name, { scope, dialect }: CompileContext): Thunk {
  const found = scope.resolve(id);
  if (found === undefined) {
    return () => {
      const value = dialect.global(id);
      if (value === undefined) {
        throw invalid('E_RUN_NAME', `NameError: name '${id}' is not defined`, {
          where: { file: dialect.file, field: `line ${line}` },
          hint: 'Only names of this file, of torch, math and einops, and Python’s plain functions can be reached.',
        });
      }
      return value;
    };
  }
  const { depth, slot } = found;
  const unbound = () =>
    invalid(
      'E_RUN_NAME',
      `UnboundLocalError: cannot access local variable '${id}' where it is not associated with a value`,
    );
  if (depth === 0) {
    return (f) => {
      const value = f.slots[slot];
      if (value === undefined) throw unbound();
      return value;
    };
  }
  return (f) => {
    let frame: Frame | undefined = f;
    for (let i = 0; i < depth; i++) frame = frame?.parent;
    const value = frame?.slots[slot];
    if (value === undefined) throw unbound();
    return value;
  };
}

/** `torch.nn.functional.relu` as its parts, when it starts at a global name. */
export function dottedParts(node: ast.Expression, scope: Scope): string[] | undefined {
  if (node.kind === 'Name') return scope.resolve(node.id) === undefined ? [node.id] : undefined;
  if (node.kind !== 'Attribute') return undefined;
  const before = dottedParts(node.value, scope);
  return before && [...before, node.attribute];
}

function compileAttribute(node: ast.Attribute, context: CompileContext): Thunk {
  const { dialect } = context;
  const parts = dialect.script ? dottedParts(node, context.scope) : undefined;
  if (parts !== undefined) {
    let found: Value | undefined;
    return () => {
      found ??= dialect.qualified(parts);
      if (found === undefined) throw invalid('E_RUN_NAME', `${parts.join('.')} is not in this archive.`);
      return found;
    };
  }
  const value = compileExpression(node.value, context);
  return (f) => dialect.attribute(f.run, value(f), node.attribute);
}

function compileUnary({ operator, operand }: ast.Unary, context: CompileContext): Thunk {
  const value = compileExpression(operand, context);
  if (operator === 'not') return (f) => !truthy(value(f));
  return (f) => {
    f.run.budget.step();
    const x = value(f);
    if (x instanceof StridedTensor)
      return operator === '-' ? negate(f.run, x) : operator === '~' ? bitwiseNot(f.run, x) : x;
    if (operator === '~' && typeof x === 'number') return ~x;
    if (operator !== '~' && isOperand(x)) {
      const sign = operator === '-' ? -1 : 1;
      return x instanceof PyFloat ? new PyFloat(sign * x.value) : sign * Number(x) + 0;
    }
    throw invalid('E_RUN_TYPE', `bad operand type for unary ${operator}: ${describeType(x)}`);
  };
}

function compileCompare({ left, operators, comparators }: ast.Compare, context: CompileContext): Thunk {
  const first = compileExpression(left, context);
  const rest = comparators.map((one) => compileExpression(one, context));
  return (f) => {
    f.run.budget.step();
    let a = first(f);
    let result: Value = true;
    for (let i = 0; i < rest.length; i++) {
      const b = rest[i](f);
      result = compareValues(f.run, operators[i], a, b);
      if (i < rest.length - 1 && !truthy(result)) return result;
      a = b;
    }
    return result;
  };
}

function compileFormat(parts: ast.FormatString['parts'], context: CompileContext): Thunk {
  const compiled = parts.map((part) => {
    if (typeof part === 'string') return part;
    return {
      value: compileExpression(part.value, context),
      conversion: part.conversion,
      spec: compileFormat(part.spec, context),
    };
  });
  return (f) => {
    let text = '';
    for (const part of compiled) {
      if (typeof part === 'string') text += part;
      else {
        const value = part.value(f);
        const shown = part.conversion === 'r' ? repr(value) : part.conversion === 's' ? str(value) : value;
        text += formatValue(shown, part.spec(f) as string);
      }
      f.run.budget.items(text.length);
    }
    return clip(text);
  };
}
