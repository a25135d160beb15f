import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { openModel } from '../../src/model/openModel';
import type { QuantizeSpecDto } from '../../src/protocol/quantizeDto';
import { writeExport } from '../support/exports';
import { spec } from '../support/models';
import { askPython, describeWithTorch } from '../support/pythons';

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
      report = await askPython<Record<string, Compared>>(python, 'quantize_onnx.py', 'compare', folder);
    });
    after(() => rm(folder, { recursive: true, force: true }));

    for (const name of Object.keys(choices)) {
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
