import { invalid, unsupported } from '../../../core/errors';
import { type ArithmeticName, arithmetic, isOperand } from '../operators/arithmetic';
import { bitwise, bitwiseNot, type ComparisonName, compare } from '../operators/comparison';
import { matmul } from '../operators/matrix';
import { contains, itemOf, itemsOf } from '../operators/script';
import { negate } from '../operators/unary';
import type * as ast from '../syntax/ast';
import { describeType } from '../values/describe';
import { equalValues } from '../values/equal';
import { dictOf, keyOf, setEntry, truthy } from '../values/protocols';
import { StridedTensor } from '../values/stridedTensor';
import { clip, formatValue, repr, str } from '../values/text';
import {
  BoundMethod,
  Callable,
  DTypeValue,
  ellipsis,
  type Keywords,
  noKeywords,
  type PyClass,
  PyDict,
  PyFloat,
  PyList,
  type PyObject,
  PySet,
  PySlice,
  PyTuple,
  type Value,
} from '../values/values';
import { callMethod, callValue } from './call';
import { compileTarget } from './compileStatement';
import type { Dialect } from './dialect';
import type { Frame } from './frame';
import { forEachItem } from './iteration';
import { PyFunction } from './pyFunction';
import type { Run } from './run';
import { type Scope, targetNames } from './scope';
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
    if (name === 'remainder' && typeof a === 'string')
      throw unsupported('E_PY_UNSUPPORTED', 'Formatting with % is not part of the subset.', {
        hint: 'Use an f-string.',
      });
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

function compareValues(run: Run, operator: ast.CompareOperator, a: Value, b: Value): Value {
  const name = comparisonNames[operator];
  if (name !== undefined) return compare(run, name, a, b);
  if (operator === 'in') return contains(run, b, a);
  if (operator === 'not in') return !contains(run, b, a);
  const same = a === b || (a instanceof DTypeValue && equalValues(a, b));
  return operator === 'is' ? same : !same;
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
function dottedParts(node: ast.Expression, scope: Scope): string[] | undefined {
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

/** `annotate(T, x)` and its kin have a type where an argument would be. */
const typedForms: ReadonlySet<string> = new Set(['annotate', 'unchecked_cast', 'uninitialized']);

function compileCall(node: ast.Call, context: CompileContext): Thunk {
  const { callee } = node;
  const { dialect } = context;
  if (dialect.script && callee.kind === 'Name' && typedForms.has(callee.id) && node.args.length > 0) {
    return compileTyped(node, context);
  }
  if (dialect.script && callee.kind === 'Name' && callee.id === 'isinstance' && node.args.length === 2) {
    const value = compileExpression(node.args[0], context);
    const test = typeTest(node.args[1]);
    return (f) => test(value(f));
  }
  if (callee.kind === 'Name' && callee.id === 'super' && context.scope.resolve('super') === undefined) {
    return compileSuper(node, context);
  }
  const args = compileArguments(node, context);
  if (callee.kind === 'Attribute' && !(dialect.script && dottedParts(callee, context.scope) !== undefined)) {
    const object = compileExpression(callee.value, context);
    const { attribute } = callee;
    return (f) => {
      f.run.budget.step();
      const self = object(f);
      const [positional, keywords] = args(f);
      f.line = node.line;
      return callMethod(f.run, dialect, self, attribute, positional, keywords);
    };
  }
  const target = compileExpression(callee, context);
  return (f) => {
    f.run.budget.step();
    const value = target(f);
    const [positional, keywords] = args(f);
    f.line = node.line;
    return callValue(f.run, dialect, value, positional, keywords);
  };
}

/** TorchScript's `isinstance(x, List[int])`: only the outermost type is looked at. */
function typeTest(type: ast.Expression): (value: Value) => boolean {
  const name = type.kind === 'Subscript' ? type.value : type;
  const id = name.kind === 'Name' ? name.id : '';
  return (value) => {
    if (id === 'Tensor') return value instanceof StridedTensor;
    if (id === 'List') return value instanceof PyList;
    if (id === 'Tuple') return value instanceof PyTuple;
    if (id === 'Dict') return value instanceof PyDict;
    if (id === 'int') return typeof value === 'number';
    if (id === 'float') return value instanceof PyFloat;
    if (id === 'bool') return typeof value === 'boolean';
    return id === 'str' && typeof value === 'string';
  };
}

function compileTyped(node: ast.Call, context: CompileContext): Thunk {
  const [type, argument] = node.args;
  if (argument === undefined) return () => null;
  const value = compileExpression(argument, context);
  const number = type.kind === 'Name' && /^(number|int|float|bool)$/.test(type.id);
  if (!number) return value;
  return (f) => {
    const result = value(f);
    return result instanceof StridedTensor && result.rank === 0 ? itemOf(result) : result;
  };
}

/** `super()` and `super(C, self)`: an object whose attributes come from the bases. */
function compileSuper(node: ast.Call, { owner, self, scope }: CompileContext): Thunk {
  const place = self === undefined ? undefined : scope.resolve(self);
  if (owner === undefined || place === undefined) {
    return () => {
      throw invalid('E_RUN_NAME', 'super() is only known in a method.');
    };
  }
  return (f) => {
    let frame: Frame | undefined = f;
    for (let i = 0; i < place.depth; i++) frame = frame?.parent;
    f.line = node.line;
    return new SuperObject(owner, frame?.slots[place.slot] as PyObject);
  };
}

/** What super() gives: only its methods can be called. */
export class SuperObject extends Callable {
  readonly name = 'super';

  constructor(
    readonly owner: PyClass,
    readonly self: PyObject,
  ) {
    super();
  }

  call(): Value {
    throw invalid('E_RUN_CALL', "'super' object is not callable");
  }

  /** A method of the bases, bound. */
  method(name: string): Value | undefined {
    const member = this.owner.findInBases(name);
    return member?.value instanceof Callable ? new BoundMethod(this.self, member.value) : member?.value;
  }
}

type Arguments = (f: Frame) => [Value[], Keywords];

function compileArguments({ args, keywords }: ast.Call, context: CompileContext): Arguments {
  const positional = args.map((arg) => ({
    starred: arg.kind === 'Starred',
    value: compileExpression(arg.kind === 'Starred' ? arg.value : arg, context),
  }));
  const named = keywords.map(({ name, value }) => ({ name, value: compileExpression(value, context) }));
  const plain = positional.every(({ starred }) => !starred);
  const values = positional.map(({ value }) => value);
  if (plain && named.length === 0) {
    return (f) => {
      const result = new Array<Value>(values.length);
      for (let i = 0; i < values.length; i++) result[i] = values[i](f);
      return [result, noKeywords];
    };
  }
  return (f) => {
    const result: Value[] = [];
    for (const { starred, value } of positional) {
      if (starred) for (const item of itemsOf(f.run, value(f))) result.push(item);
      else result.push(value(f));
    }
    const keywordValues = new Map<string, Value>();
    for (const { name, value } of named) {
      if (name !== undefined) keywordValues.set(name, value(f));
      else spreadKeywords(value(f), keywordValues);
    }
    return [result, keywordValues];
  };
}

function spreadKeywords(value: Value, into: Map<string, Value>): void {
  if (!(value instanceof PyDict))
    throw invalid('E_RUN_TYPE', `argument after ** must be a mapping, not ${describeType(value)}`);
  for (const [key, item] of value.entries.values()) {
    if (typeof key !== 'string') throw invalid('E_RUN_TYPE', 'keywords must be strings');
    into.set(key, item);
  }
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

function compileSequence({ kind, items }: ast.Sequence, context: CompileContext): Thunk {
  const parts = items.map((item) => ({
    starred: item.kind === 'Starred',
    value: compileExpression(item.kind === 'Starred' ? item.value : item, context),
  }));
  const collect = (f: Frame): Value[] => {
    const result: Value[] = [];
    for (const { starred, value } of parts) {
      if (starred) for (const item of itemsOf(f.run, value(f))) result.push(item);
      else result.push(value(f));
    }
    f.run.budget.items(result.length);
    return result;
  };
  if (kind === 'Tuple') return (f) => new PyTuple(collect(f));
  if (kind === 'List') return (f) => new PyList(collect(f));
  return (f) => setOf(f.run, collect(f));
}

export function setOf(run: Run, items: readonly Value[]): PySet {
  const set = new PySet();
  for (const item of items) {
    run.budget.step();
    set.entries.set(keyOf(item), item);
  }
  return set;
}

function compileDict({ entries }: ast.DictExpression, context: CompileContext): Thunk {
  const parts = entries.map(({ key, value }) => ({
    key: key && compileExpression(key, context),
    value: compileExpression(value, context),
  }));
  return (f) => {
    const dict = new PyDict();
    for (const { key, value } of parts) {
      if (key !== undefined) setEntry(f.run, dict, key(f), value(f));
      else {
        const other = value(f);
        if (!(other instanceof PyDict)) throw invalid('E_RUN_TYPE', `'${describeType(other)}' object is not a mapping`);
        for (const [name, item] of dictOf(f.run, other.entries.values()).entries) dict.entries.set(name, item);
      }
    }
    return dict;
  };
}

function compileComprehension(node: ast.Comprehension, context: CompileContext): Thunk {
  const names = node.generators.flatMap(({ target }) => targetNames(target));
  // The first iterable belongs to the scope around.
  const first = compileExpression(node.generators[0].iterable, context);
  return context.scope.shadow(names, () => {
    const element = compileExpression(node.element, context);
    const key = node.key && compileExpression(node.key, context);
    const loops = node.generators.map(({ target, iterable, conditions }, i) => ({
      iterable: i === 0 ? first : compileExpression(iterable, context),
      assign: compileTarget(target, context),
      conditions: conditions.map((one) => compileExpression(one, context)),
    }));
    const walk = (f: Frame, level: number, emit: () => void): void => {
      if (level === loops.length) {
        emit();
        return;
      }
      const { iterable, assign, conditions } = loops[level];
      forEachItem(f.run, iterable(f), (item) => {
        assign(f, item);
        if (conditions.every((condition) => truthy(condition(f)))) walk(f, level + 1, emit);
      });
    };
    if (node.result === 'dict' && key !== undefined) {
      return (f) => {
        const dict = new PyDict();
        walk(f, 0, () => setEntry(f.run, dict, key(f), element(f)));
        return dict;
      };
    }
    return (f) => {
      const items: Value[] = [];
      walk(f, 0, () => {
        if (items.push(element(f)) % 256 === 0) f.run.budget.items(items.length);
      });
      return node.result === 'set' ? setOf(f.run, items) : new PyList(items);
    };
  });
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
