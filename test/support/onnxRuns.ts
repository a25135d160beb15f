import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { askPython, type Python } from './pythons';

/** What ONNX Runtime gave. */
export interface Ran {
  readonly outputs: readonly (readonly number[])[];
  readonly shapes: readonly (readonly number[])[];
}

/** Has ONNX Runtime load graphs by the lines that came with them, check and run them; by the jobs' names. */
export async function runGraphs(
  python: Python,
  folder: string,
  jobs: ReadonlyMap<string, unknown>,
): Promise<Map<string, Ran>> {
  const list = join(folder, 'jobs.json');
  await writeFile(list, JSON.stringify([...jobs.values()]));
  const answers = await askPython<Ran[]>(python, 'read_plain.py', list);
  return new Map([...jobs.keys()].map((name, i) => [name, answers[i]]));
}

/** The largest difference of two lists; infinite where their lengths differ. */
export function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return a.length === b.length
    ? Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0)
    : Number.POSITIVE_INFINITY;
}
