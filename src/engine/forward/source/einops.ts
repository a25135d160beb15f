import { invalid } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { reduce } from '../operators/reduction';
import { permute, reshape } from '../operators/shape';
import { expand } from '../values/broadcast';
import { StridedTensor } from '../values/stridedTensor';
import { Builtin, type Keywords, type Value } from '../values/values';

/** einops.rearrange, repeat and reduce with literal patterns. */

type Axis = readonly string[];

/** `b (h w) c` as groups of names; `1` is an empty group, `...` stands for itself. */
function parseSide(text: string): Axis[] {
  const axes: string[][] = [];
  let group: string[] | undefined;
  for (const [token] of text.matchAll(/\(|\)|\.\.\.|\w+/g)) {
    if (token === '(') {
      group = [];
      axes.push(group);
    } else if (token === ')') group = undefined;
    else {
      const names = token === '1' ? [] : [token];
      if (group === undefined) axes.push(names);
      else group.push(...names);
    }
  }
  return axes;
}

function bad(pattern: string, why: string): Error {
  return invalid('E_RUN_ARGUMENT', `einops: ${why}`, { found: JSON.stringify(pattern.slice(0, 80)) });
}

type Operation = 'rearrange' | 'repeat' | 'sum' | 'mean' | 'max' | 'min';

function transform(
  run: Run,
  x: StridedTensor,
  pattern: string,
  lengths: ReadonlyMap<string, number>,
  how: Operation,
): StridedTensor {
  const [left, right, more] = pattern.split('->');
  if (right === undefined || more !== undefined || pattern.length > 500) throw bad(pattern, 'a pattern has one arrow');
  const missing = x.rank - parseSide(left).filter(([name]) => name !== '...').length;
  const dots = Array.from({ length: Math.max(missing, 0) }, (_, i) => `.${i}`);
  const spread = (axes: readonly Axis[]): Axis[] =>
    axes.flatMap((axis) =>
      axis.length === 1 && axis[0] === '...'
        ? dots.map((dot) => [dot])
        : [axis.flatMap((name) => (name === '...' ? dots : [name]))],
    );
  const [from, to] = [spread(parseSide(left)), spread(parseSide(right))];
  if (from.length !== x.rank) throw bad(pattern, `the pattern has ${from.length} axes, the tensor ${x.rank}`);
  const sizes = new Map(lengths);
  for (const [d, axis] of from.entries()) solve(axis, x.shape[d], sizes, pattern);
  const sizeOf = (name: string): number => {
    const size = sizes.get(name);
    if (size === undefined) throw bad(pattern, `the length of ${name} is not known`);
    return size;
  };
  const names = from.flat();
  const wanted = to.flat();
  if (new Set(names).size !== names.length || new Set(wanted).size !== wanted.length)
    throw bad(pattern, 'a name stands twice on one side');
  let tensor = reshape(run, x, names.map(sizeOf));
  const gone = names.filter((name) => !wanted.includes(name));
  if (gone.length > 0) {
    if (how === 'rearrange' || how === 'repeat') throw bad(pattern, `${gone.join(', ')} is missing on the right`);
    tensor = reduce(
      run,
      tensor,
      gone.map((name) => names.indexOf(name)),
      false,
      tensor.type,
      reducers[how],
    );
  }
  const kept = names.filter((name) => wanted.includes(name));
  const made = wanted.filter((name) => !kept.includes(name));
  if (made.length > 0 && how !== 'repeat') throw bad(pattern, `${made.join(', ')} is missing on the left`);
  const order = wanted.filter((name) => kept.includes(name));
  const moved = permute(
    tensor,
    order.map((name) => kept.indexOf(name)),
  );
  const ones = reshape(
    run,
    moved,
    wanted.map((name) => (kept.includes(name) ? sizeOf(name) : 1)),
  );
  return reshape(
    run,
    expand(ones, wanted.map(sizeOf)),
    to.map((axis) => numel(axis.map(sizeOf))),
  );
}

function solve(axis: Axis, size: number, sizes: Map<string, number>, pattern: string): void {
  const unknown = axis.filter((name) => !sizes.has(name));
  const known = axis.reduce((product, name) => product * (sizes.get(name) ?? 1), 1);
  if (unknown.length > 1) throw bad(pattern, `the lengths of ${unknown.join(' and ')} are not known`);
  if (unknown.length === 1) sizes.set(unknown[0], size / known);
  const fits = unknown.length === 1 ? Number.isInteger(size / known) : known === size;
  if (!fits) throw bad(pattern, `an axis of ${size} does not split into ${axis.join(' · ') || '1'}`);
}

const reducers = {
  sum: (values: ArrayLike<number>, start: number, end: number) => total(values, start, end),
  mean: (values: ArrayLike<number>, start: number, end: number) => total(values, start, end) / (end - start),
  max: (values: ArrayLike<number>, start: number, end: number) => extreme(values, start, end, 1),
  min: (values: ArrayLike<number>, start: number, end: number) => extreme(values, start, end, -1),
} as const;

function total(values: ArrayLike<number>, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += values[i];
  return sum;
}

function extreme(values: ArrayLike<number>, start: number, end: number, sign: number): number {
  let best = values[start];
  for (let i = start; i < end; i++) if (sign * values[i] > sign * best) best = values[i];
  return best;
}

function lengthsOf(keywords: Keywords): Map<string, number> {
  return new Map(
    [...keywords]
      .filter(([name]) => name !== 'reduction' && name !== 'pattern')
      .map(([name, value]) => [name, Number(value)]),
  );
}

function builtin(name: 'rearrange' | 'repeat' | 'reduce'): Builtin {
  return new Builtin(name, (run, [x, pattern, reduction], keywords) => {
    const text = pattern ?? keywords.get('pattern');
    if (!(x instanceof StridedTensor) || typeof text !== 'string')
      throw invalid('E_RUN_TYPE', `einops.${name} takes a tensor and a pattern`);
    const how = name === 'reduce' ? String(reduction ?? keywords.get('reduction')) : name;
    if (name === 'reduce' && !Object.hasOwn(reducers, how))
      throw invalid('E_RUN_ARGUMENT', `einops.reduce does not know ${JSON.stringify(how.slice(0, 20))}`);
    return transform(run, x, text, lengthsOf(keywords), how as Operation);
  });
}

export const einops: ReadonlyMap<string, Value> = new Map([
  ['rearrange', builtin('rearrange')],
  ['repeat', builtin('repeat')],
  ['reduce', builtin('reduce')],
]);
