import assert from 'node:assert/strict';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { noProgress } from '../../src/core/progress';
import { openModel } from '../../src/model/openModel';
import type { OnnxForwardDto, OnnxForwardRequestDto } from '../../src/protocol/forwardDto';
import { openFileSource } from '../../src/worker/fileSource';
import { onnxForward } from '../../src/worker/onnxForward';
import { readNpz } from './npz';

export function onnxRequest(changes: Partial<OnnxForwardRequestDto> = {}): OnnxForwardRequestDto {
  return { seed: 1, shapes: [], inputs: null, outputsFile: null, values: [], runs: 1, warmup: 0, ...changes };
}

/** Opens and runs a graph as the engine's thread does. */
export async function runOnnx(path: string, changes: Partial<OnnxForwardRequestDto> = {}): Promise<OnnxForwardDto> {
  const source = await openFileSource(path);
  try {
    const model = await openModel(source, neverAborted);
    return await onnxForward(
      { model, path, openSource: openFileSource, abort: neverAborted },
      onnxRequest(changes),
      noProgress,
    );
  } finally {
    await source.close();
  }
}

/** The models of test/fixtures/onnxRuntime/generate.py. */
export const onnxCases = [
  'matmul',
  'gemm',
  'lstm',
  'bidirectional',
  'gather',
  'convolution',
  'attention',
  'batched',
  'lstm_batch',
  'gru',
  'word_lm',
  'block',
  'external',
  'lstm_last',
] as const;

/** Of every product, [scale, zero point] of each step: ours, and what onnxruntime's Python gave; by the names of the latter. */
export async function onnxScales(
  folder: string,
  name: string,
): Promise<{ readonly ours: Record<string, number[][]>; readonly theirs: Record<string, number[][]> }> {
  const path = join(folder, `${name}.npz`);
  const { quantized } = await runOnnx(join(folder, `${name}.onnx`), {
    inputs: { kind: 'file', path },
    quantized: true,
  });
  const ours = (quantized?.products ?? []).map(({ weight, input, scale, zeroPoint }) => [
    `${input}.${weight}`,
    scale.map((one, i) => [one, zeroPoint[i]]),
  ]);
  const theirs = [...(await readNpz(path))]
    .filter(([key]) => /^[xh]\./.test(key))
    .map(([key, { data }]) => {
      const values = Array.from(data as Float32Array);
      return [key, Array.from({ length: values.length / 2 }, (_, i) => values.slice(2 * i, 2 * i + 2))];
    });
  return { ours: Object.fromEntries(ours), theirs: Object.fromEntries(theirs) };
}

/** The largest difference from what onnxruntime's Python gave: of the float graph, and of the quantized one. */
export async function onnxDifferences(
  folder: string,
  name: string,
  scratch: string,
): Promise<{ float: number; int8: number }> {
  const expected = await readNpz(join(folder, `${name}.npz`));
  const differences = { float: 0, int8: 0 };
  for (const which of ['float', 'int8'] as const) {
    const outputsFile = join(scratch, `${name}.${which}.npz`);
    await runOnnx(join(folder, `${name}.onnx`), {
      inputs: { kind: 'file', path: join(folder, `${name}.npz`) },
      outputsFile,
      quantized: which === 'int8',
      quantizedOutputs: true,
    });
    const written = await readNpz(outputsFile);
    assert.ok(written.size > 0);
    for (let i = 0; i < written.size; i++) {
      const [a, b] = [written.get(`output.${i}`), expected.get(`${which}.${i}`)];
      assert.deepEqual(a?.shape, b?.shape);
      for (let at = 0; at < (a?.data.length ?? 0); at++)
        differences[which] = Math.max(differences[which], Math.abs(Number(a?.data[at]) - Number(b?.data[at])));
    }
  }
  return differences;
}
