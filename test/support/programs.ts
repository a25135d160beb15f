import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { contiguousStrides } from '../../src/core/shape';
import { Budget } from '../../src/engine/forward/interpreter/budget';
import { dense, Storage, StridedTensor } from '../../src/engine/forward/values/stridedTensor';
import { PyTuple, type Value } from '../../src/engine/forward/values/values';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { type Model, openModel } from '../../src/model/openModel';
import { type ProgramOptions, type ProgramResult, runForward } from '../../src/model/runForward';
import { loadScriptProgram, type Program } from '../../src/model/scriptProgram';
import type { NpyArray } from './npz';

/** A TorchScript archive as a model and as a program. */
export async function openScriptModel(path: string): Promise<{ model: Model; program: Program }> {
  const model = await openModel(bytesSource(new Uint8Array(await readFile(path)), basename(path)), neverAborted);
  return { model, program: await loadScriptProgram(model, neverAborted) };
}

export async function openScript(path: string): Promise<Program> {
  return (await openScriptModel(path)).program;
}

export function tensorValue({ shape, data }: NpyArray): StridedTensor {
  if (data instanceof Uint8Array)
    return new StridedTensor(new Storage('bool', data), shape, contiguousStrides(shape), 0);
  const float = data instanceof Float32Array;
  const values = float ? data : Float64Array.from(data, Number);
  return new StridedTensor(new Storage(float ? 'float32' : 'int64', values), shape, contiguousStrides(shape), 0);
}

/** Runs with this machine's kernels. */
export function run(program: Program, args: readonly Value[], options: Partial<ProgramOptions> = {}): ProgramResult {
  return runForward(program, args, { kernels: selectKernels(), abort: neverAborted, ...options });
}

export const tuple = (...items: Value[]): PyTuple => new PyTuple(items);

/** The largest difference between outputs and the arrays `key.0`, `key.1`, …; infinite where shapes differ or a value is NaN. */
export function largestDifference(
  outputs: readonly StridedTensor[],
  arrays: ReadonlyMap<string, NpyArray>,
  key: string,
): number {
  let worst = 0;
  for (const [i, output] of outputs.entries()) {
    const expected = arrays.get(`${key}.${i}`);
    if (expected === undefined || expected.shape.join() !== output.shape.join()) return Number.POSITIVE_INFINITY;
    const values = dense(new Budget(), output);
    for (let at = 0; at < values.length; at++) {
      const difference = Math.abs(values[at] - Number(expected.data[at]));
      const same = Object.is(values[at], Number(expected.data[at])) || values[at] === Number(expected.data[at]);
      worst = Math.max(worst, same ? 0 : Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
    }
  }
  return worst;
}
