import { invalid } from '../../../core/errors';
import { itemsOf } from '../operators/script';
import type * as ast from '../syntax/ast';
import { describeType } from '../values/describe';
import { itemOf } from '../values/promotion';
import { StridedTensor } from '../values/stridedTensor';
import {
  BoundMethod,
  Callable,
  type Keywords,
  noKeywords,
  type PyClass,
  PyDict,
  PyFloat,
  PyList,
  type PyObject,
  PyTuple,
  type Value,
} from '../values/values';
import { callMethod, callValue } from './call';
import { type CompileContext, compileExpression, dottedParts, type Thunk } from './compileExpression';
import type { Frame } from './frame';

/** Calls to closures. */

/** `annotate(T, x)` and its kin have a type where an argument would be. */
const typedForms: ReadonlySet<string> = new Set(['annotate', 'unchecked_cast', 'uninitialized']);

export function compileCall(node: ast.Call, context: CompileContext): Thunk {
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
