import { invalid, QuantscopeError } from '../../../core/errors';
import { inPlace } from '../operators/arithmetic';
import { itemsOf } from '../operators/script';
import type * as ast from '../syntax/ast';
import { truthy } from '../values/protocols';
import { StridedTensor } from '../values/stridedTensor';
import { clip, str } from '../values/text';
import { PyList, type Value } from '../values/values';
import { binary } from './binary';
import { type CompileContext, compileExpression, refuse } from './compileExpression';
import type { Frame } from './frame';
import { forEachItem } from './iteration';
import { PyFunction } from './pyFunction';
import { getItem, setItem } from './subscript';

/** Statements to closures. Each answers how the body goes on. */

export type Flow = 'next' | 'break' | 'continue' | 'return';
export type Action = (frame: Frame) => Flow;

export function compileBody(body: readonly ast.Statement[], context: CompileContext): Action {
  const actions = body.map((statement) => compileStatement(statement, context));
  return (f) => {
    for (const action of actions) {
      const flow = action(f);
      if (flow !== 'next') return flow;
    }
    return 'next';
  };
}

function compileStatement(node: ast.Statement, context: CompileContext): Action {
  const { line } = node;
  const action = compileAction(node, context);
  return (f) => {
    f.line = line;
    f.run.budget.step();
    return action(f);
  };
}

function compileAction(node: ast.Statement, context: CompileContext): Action {
  switch (node.kind) {
    case 'Pass':
      return () => 'next';
    case 'Import':
      return compileImport(node, context);
    case 'OptionalImport': {
      const [body, orElse] = [compileBody(node.body, context), compileBody(node.orElse, context)];
      return (f) => {
        try {
          return body(f);
        } catch (error) {
          if (!isMissingImport(error)) throw error;
          return orElse(f);
        }
      };
    }
    case 'Break':
      return () => 'break';
    case 'Continue':
      return () => 'continue';
    case 'Expression': {
      // A docstring is nothing to run.
      if (node.value.kind === 'Literal') return () => 'next';
      const value = compileExpression(node.value, context);
      return (f) => {
        value(f);
        return 'next';
      };
    }
    case 'Assign':
      return compileAssign(node.targets, node.value, context);
    case 'AnnotatedAssign':
      return node.value === undefined ? () => 'next' : compileAssign([node.target], node.value, context);
    case 'AugmentedAssign':
      return compileAugmented(node, context);
    case 'Return': {
      const value = node.value && compileExpression(node.value, context);
      return (f) => {
        f.result = value === undefined ? null : value(f);
        return 'return';
      };
    }
    case 'If': {
      const test = compileExpression(node.test, context);
      const [body, orElse] = [compileBody(node.body, context), compileBody(node.orElse, context)];
      return (f) => (truthy(test(f)) ? body(f) : orElse(f));
    }
    case 'While':
      return compileWhile(node, context);
    case 'For':
      return compileFor(node, context);
    case 'Raise':
      return compileRaise(node, context);
    case 'Assert': {
      const test = compileExpression(node.test, context);
      const message = node.message && compileExpression(node.message, context);
      return (f) => {
        if (truthy(test(f))) return 'next';
        throw invalid(
          'E_MODEL_RAISED',
          `The model raises AssertionError${message === undefined ? '' : `: ${clip(str(message(f)))}`}`,
        );
      };
    }
    case 'With':
      return compileWith(node, context);
    case 'Function': {
      const { dialect, scope, owner } = context;
      if (node.decorators.length > 0) throw refuse(node, 'A decorator on a nested function', context);
      const assign = compileTarget({ kind: 'Name', id: node.name, line: node.line, column: node.column }, context);
      return (f) => {
        assign(f, new PyFunction(node.name, node.parameters, node.body, dialect, node.line, scope, f, owner));
        return 'next';
      };
    }
    case 'Class':
      throw refuse(node, 'A class inside a function', context);
    case 'Unsupported':
      // Refused when it is reached: a branch that is never taken may hold anything.
      return () => {
        throw refuse(node, node.what, context);
      };
  }
}

/** An import inside a function: its names are looked up in the same tables as those of the file. */
function compileImport(node: ast.Import, context: CompileContext): Action {
  const { scope, dialect } = context;
  if (node.names.some(({ name }) => name === '*')) throw refuse(node, 'import * inside a function', context);
  const names = node.names.map(({ as }) => ({ as, slot: scope.declare(as) }));
  return (f) => {
    for (const { as, slot } of names) f.slots[slot] = dialect.imported(node, as);
    return 'next';
  };
}

/** Whether an import led nowhere, which `except ImportError` catches; nothing else can be caught. */
export function isMissingImport(error: unknown): boolean {
  return error instanceof QuantscopeError && error.details.code === 'E_PY_IMPORT';
}

function compileAssign(targets: readonly ast.Expression[], value: ast.Expression, context: CompileContext): Action {
  const compute = compileExpression(value, context);
  const assigns = targets.map((target) => compileTarget(target, context));
  return (f) => {
    const result = compute(f);
    for (const assign of assigns) assign(f, result);
    return 'next';
  };
}

/** Stores a value in a name, an attribute, an item, or several of them. */
export function compileTarget(target: ast.Expression, context: CompileContext): (frame: Frame, value: Value) => void {
  const { scope, dialect } = context;
  switch (target.kind) {
    case 'Name': {
      const slot = scope.declare(target.id);
      const { depth } = scope.resolve(target.id) ?? { depth: 0 };
      if (depth > 0) throw refuse(target, 'Assigning to a name of the function around', context);
      return (f, value) => {
        f.slots[slot] = value;
      };
    }
    case 'Attribute': {
      const object = compileExpression(target.value, context);
      return (f, value) => dialect.setAttribute(f.run, object(f), target.attribute, value);
    }
    case 'Subscript': {
      const [object, index] = [compileExpression(target.value, context), compileExpression(target.index, context)];
      return (f, value) => setItem(f.run, object(f), index(f), value);
    }
    case 'Tuple':
    case 'List':
      return compileUnpack(target, context);
    default:
      throw refuse(target, 'This target of an assignment', context);
  }
}

function compileUnpack({ items }: ast.Sequence, context: CompileContext): (frame: Frame, value: Value) => void {
  const star = items.findIndex(({ kind }) => kind === 'Starred');
  const assigns = items.map((item) => compileTarget(item.kind === 'Starred' ? item.value : item, context));
  return (f, value) => {
    const values = itemsOf(f.run, value);
    if (star < 0 ? values.length !== items.length : values.length < items.length - 1) {
      throw invalid('E_RUN_VALUE', `ValueError: expected ${items.length} values to unpack, got ${values.length}`);
    }
    const extra = values.length - items.length + 1;
    for (let i = 0; i < assigns.length; i++) {
      if (star < 0 || i < star) assigns[i](f, values[i]);
      else if (i === star) assigns[i](f, new PyList(values.slice(star, star + extra)));
      else assigns[i](f, values[i + extra - 1]);
    }
  };
}

/** `x += y` writes through a tensor; everything else is assigned anew. */
function compileAugmented({ target, operator, value }: ast.AugmentedAssign, context: CompileContext): Action {
  const { dialect } = context;
  const right = compileExpression(value, context);
  const combine = (f: Frame, before: Value, after: Value): Value => {
    const result = binary(f.run, operator, before, after);
    if (before instanceof StridedTensor && result instanceof StridedTensor) return inPlace(f.run, before, result);
    if (before instanceof PyList && result instanceof PyList && operator === '+') {
      before.items.splice(0, before.items.length, ...result.items);
      return before;
    }
    return result;
  };
  if (target.kind === 'Name') {
    const read = compileExpression(target, context);
    const write = compileTarget(target, context);
    return (f) => {
      const before = read(f);
      write(f, combine(f, before, right(f)));
      return 'next';
    };
  }
  if (target.kind === 'Attribute') {
    const object = compileExpression(target.value, context);
    return (f) => {
      const owner = object(f);
      const before = dialect.attribute(f.run, owner, target.attribute);
      const after = combine(f, before, right(f));
      if (after !== before || !(after instanceof StridedTensor))
        dialect.setAttribute(f.run, owner, target.attribute, after);
      return 'next';
    };
  }
  if (target.kind === 'Subscript') {
    const [object, index] = [compileExpression(target.value, context), compileExpression(target.index, context)];
    return (f) => {
      const [owner, at] = [object(f), index(f)];
      setItem(f.run, owner, at, combine(f, getItem(f.run, owner, at), right(f)));
      return 'next';
    };
  }
  throw refuse(target, 'This target of an assignment', context);
}

function compileWhile({ test, body, orElse }: ast.While, context: CompileContext): Action {
  const condition = compileExpression(test, context);
  const [loop, after] = [compileBody(body, context), compileBody(orElse, context)];
  return (f) => {
    while (truthy(condition(f))) {
      f.run.budget.step();
      const flow = loop(f);
      if (flow === 'break') return 'next';
      if (flow === 'return') return flow;
    }
    return after(f);
  };
}

function compileFor({ target, iterable, body, orElse }: ast.For, context: CompileContext): Action {
  const values = compileExpression(iterable, context);
  const assign = compileTarget(target, context);
  const [loop, after] = [compileBody(body, context), compileBody(orElse, context)];
  return (f) => {
    let end: Flow = 'next';
    forEachItem(f.run, values(f), (item) => {
      assign(f, item);
      end = loop(f);
      return end === 'break' || end === 'return' ? 'stop' : undefined;
    });
    if ((end as Flow) === 'return') return 'return';
    return (end as Flow) === 'break' ? 'next' : after(f);
  };
}

function compileRaise({ value }: ast.Raise, context: CompileContext): Action {
  if (value === undefined) throw refuse({ line: 0, column: 0 }, 'A bare raise', context);
  const name =
    value.kind === 'Call' && value.callee.kind === 'Name'
      ? value.callee.id
      : value.kind === 'Name'
        ? value.id
        : 'an error';
  const [first] = value.kind === 'Call' ? value.args : [];
  const message = first && first.kind !== 'Starred' ? compileExpression(first, context) : undefined;
  return (f) => {
    throw invalid(
      'E_MODEL_RAISED',
      `The model raises ${name}${message === undefined ? '' : `: ${clip(str(message(f)))}`}`,
    );
  };
}

/** Contexts that change nothing in evaluation mode on one CPU. */
const knownContexts =
  /^(torch\.)?(no_grad|inference_mode|enable_grad|set_grad_enabled|autocast|cuda\.amp\.autocast|amp\.autocast|autograd\.profiler\.record_function|profiler\.record_function)$/;

function compileWith({ contexts, body, line, column }: ast.With, context: CompileContext): Action {
  for (const one of contexts) {
    const name = dotted(one.kind === 'Call' ? one.callee : one);
    if (!knownContexts.test(name)) throw refuse({ line, column }, `with ${name || '…'}`, context);
  }
  return compileBody(body, context);
}

function dotted(node: ast.Expression): string {
  if (node.kind === 'Name') return node.id;
  return node.kind === 'Attribute' ? `${dotted(node.value)}.${node.attribute}` : '';
}
