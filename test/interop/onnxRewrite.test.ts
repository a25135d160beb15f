import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { openModel } from '../../src/model/openModel';
import { pythonLines } from '../../src/model/pythonLines';
import type { QuantizeSpecDto } from '../../src/protocol/quantizeDto';
import { writeExport } from '../support/exports';
import { spec } from '../support/models';
import { askPython, describeWithTorch, runPython } from '../support/pythons';

interface Compared {
  readonly differing: readonly string[];
  readonly count: number;
  readonly difference: number;
  readonly opset: number;
  readonly ir: number;
}

const names = [
  'matmul',
  'shared_input',
  'gemm',
  'gemm_with_factor',
  'lstm',
  'bidirectional',
  'gather',
  'gather_to_float',
  'convolution',
  'attention',
  'batched',
  'edge_values',
].flatMap((name) => [name, `${name}.per_channel`, `${name}.reduce_range`]);

/** What of each model of `choices` in quantize_onnx.py is quantized. */
const choices: Readonly<Record<string, Partial<QuantizeSpecDto>>> = {
  exclude_node: { exclude: ['first'] },
  exclude_gemm: { exclude: ['fc1'] },
  exclude_gather: { exclude: ['embed'] },
  exclude_head: { exclude: ['head'] },
  only_gather: { modules: ['Gather'] },
  only_conv: { modules: ['plain'] },
};

describeWithTorch(
  'an ONNX model is rewritten as onnxruntime’s quantize_dynamic does',
  (python) => {
    let folder: string;
    let report: Record<string, Compared>;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quantscope-onnx-'));
      const made = await askPython<{ name: string; perChannel: boolean; reduceRange: boolean }[]>(
        python,
        'quantize_onnx.py',
        'make',
        folder,
      );
      assert.deepEqual(
        made.map(({ name }) => name),
        [...names, ...Object.keys(choices)],
      );
      for (const { name, perChannel, reduceRange } of made) {
        const source = bytesSource(await readFile(join(folder, `${name}.onnx`)), `${name}.onnx`);
        const model = await openModel(source, neverAborted);
        await writeExport(folder, model, `${name}.ours.onnx`, {
          format: 'onnx',
          reduceRange,
          spec: spec({ perChannel, ...choices[name] }),
        });
      }
      for (const name of Object.keys(choices)) await runLines(name);
      report = await askPython<Record<string, Compared>>(python, 'quantize_onnx.py', 'compare', folder);
    });
    /** Runs what Copy as Python gives, and lays the file that it writes beside the one that was asked for by hand. */
    async function runLines(name: string): Promise<void> {
      const source = bytesSource(await readFile(join(folder, `${name}.onnx`)), `${name}.onnx`);
      const script = join(folder, `${name}.py`);
      const lines = pythonLines(await openModel(source, neverAborted), spec(choices[name]));
      await writeFile(script, `import os\nos.chdir(${JSON.stringify(folder)})\n${lines}`);
      await runPython(python, script);
      await copyFile(join(folder, `${name}.int8.onnx`), join(folder, `${name}.lines.ours.onnx`));
      await copyFile(join(folder, `${name}.theirs.onnx`), join(folder, `${name}.lines.theirs.onnx`));
    }

    after(() => rm(folder, { recursive: true, force: true }));

    for (const name of Object.keys(choices)) {
      it(`${name}: Copy as Python writes the same file`, () => {
        const { differing, count, difference } = report[`${name}.lines`];
        assert.deepEqual([differing, difference], [[], 0]);
        assert.ok(count > 0);
      });

      it(`${name}: a part of the nodes is chosen as nodes_to_exclude and its like do`, () => {
        const { differing, difference } = report[name];
        // Where a Gemm stays, onnxruntime writes its weight anew, as that of a MatMul.
        const renamed = name === 'exclude_gemm' ? ['W', 'W_Transposed'] : [];
        assert.deepEqual(
          differing.filter((one) => !renamed.includes(one)),
          [],
        );
        assert.ok(difference < 1e-6, `the outputs differ by ${difference}`);
      });
    }

    for (const name of names) {
      it(`${name}: the same bytes in every initializer, the same outputs`, () => {
        const { differing, count, difference, opset, ir } = report[name];
        assert.deepEqual(differing, []);
        assert.ok(count > 0);
        assert.ok(difference < 1e-6, `the outputs differ by ${difference}`);
        assert.deepEqual([opset, ir], [17, 8]);
      });
    }
  },
  ['current'],
);
