import { invalid } from '../../../core/errors';
import { itemsOf } from '../operators/script';
import type * as ast from '../syntax/ast';
import { describeType } from '../values/describe';
import { dictOf, keyOf, setEntry, truthy } from '../values/protocols';
import { PyDict, PyList, PySet, PyTuple, type Value } from '../values/values';
import { type CompileContext, compileExpression, type Thunk } from './compileExpression';
import { compileTarget } from './compileStatement';
import type { Frame } from './frame';
import { forEachItem } from './iteration';
import type { Run } from './run';
import { targetNames } from './scope';
/** Lists, tuples, sets, dicts and comprehensions to closures. */

export function compileSequence({ kind, items }: ast.Sequence, context: CompileContext): Thunk {
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

export function compileDict({ entries }: ast.DictExpression, context: CompileContext): Thunk {
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

export function compileComprehension(node: ast.Comprehension, context: CompileContext): Thunk {
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
