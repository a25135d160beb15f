import { invalid, QuantscopeError } from '../core/errors';

/**
 * Arguments of a constructor from the shapes of a checkpoint. The model is built with small
 * different primes for the unknown sizes, once more with each of them changed, and what moves in
 * its shapes and in the number of its parameters gives one linear equation for each argument.
 */

export type Shapes = ReadonlyMap<string, readonly number[]>;

const primes = [4, 8, 12, 16, 20, 24, 28, 32];

export function solveArguments(
  unknown: readonly string[],
  target: Shapes,
  build: (values: ReadonlyMap<string, number>) => Shapes,
): Record<string, number> {
  const found: Record<string, number> = Object.create(null);
  const give = (why: string) =>
    invalid('E_INIT_ARGUMENTS', `__init__ needs ${unknown.join(', ')}, and ${why}.`, {
      asked: Object.fromEntries(unknown.map((name) => [name, found[name] ?? null])),
      hint: `Give them with --init '{${unknown.map((name) => `"${name}": …`).join(', ')}}'.`,
    });
  if (unknown.length > primes.length) throw give('there are too many to be worked out from the checkpoint’s shapes');
  const start = new Map(unknown.map((name, i) => [name, primes[i]]));
  const attempt = (values: ReadonlyMap<string, number>): Shapes => {
    try {
      return build(values);
    } catch (error) {
      if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
      throw give(`trying sizes failed: ${error.message}`);
    }
  };
  const base = attempt(start);
  const moved = new Map(
    unknown.map((name) => [name, attempt(new Map([...start, [name, (start.get(name) as number) * 2]]))]),
  );
  for (const name of unknown) {
    const value =
      fromShapes(name, start, base, moved, target) ??
      fromCount(start.get(name) as number, base, moved.get(name) as Shapes, target);
    if (value !== undefined) found[name] = value;
  }
  const left = unknown.find((name) => found[name] === undefined);
  if (left !== undefined) throw give(`${left} leaves no trace in the checkpoint’s shapes`);
  return found;
}

/** A size that only this argument moves: `size = slope · value + rest`. */
function fromShapes(
  name: string,
  start: ReadonlyMap<string, number>,
  base: Shapes,
  moved: ReadonlyMap<string, Shapes>,
  target: Shapes,
): number | undefined {
  const own = moved.get(name) as Shapes;
  const value = start.get(name) as number;
  for (const [key, shape] of base) {
    const [after, wanted] = [own.get(key), target.get(key)];
    if (after === undefined || wanted?.length !== shape.length) continue;
    for (let d = 0; d < shape.length; d++) {
      const slope = (after[d] - shape[d]) / value;
      const others = [...moved].some(
        ([other, shapes]) => other !== name && (shapes.get(key)?.[d] ?? shape[d]) !== shape[d],
      );
      if (slope === 0 || others) continue;
      const solution = value + (wanted[d] - shape[d]) / slope;
      if (Number.isInteger(solution) && solution > 0) return solution;
    }
  }
  return undefined;
}

/** The number of layers: each adds as many parameters. */
function fromCount(value: number, base: Shapes, moved: Shapes, target: Shapes): number | undefined {
  const slope = (moved.size - base.size) / value;
  const solution = value + (target.size - base.size) / slope;
  return slope > 0 && Number.isInteger(solution) && solution > 0 ? solution : undefined;
}
