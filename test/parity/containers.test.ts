import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { noProgress } from '../../src/core/progress';
import { summarize } from '../../src/model/describeModel';
import { walk } from '../../src/model/moduleTree';
import { type Model, openModel } from '../../src/model/openModel';
import { tensorStats } from '../../src/model/tensorDetail';
import { containers } from '../support/containers';
import type { ExpectedTensor } from '../support/fixtures';

async function open(path: string): Promise<Model> {
  return openModel(bytesSource(new Uint8Array(await readFile(path)), basename(path)), neverAborted);
}

/** Largest relative error by what rounding does: half precision has 11 significant bits, bfloat16 has 8. */
const roundings: Readonly<Record<string, { readonly dtype: string; readonly relative: number }>> = {
  'fp16.pt': { dtype: 'float16', relative: 2 ** -11 },
  'bf16.pt': { dtype: 'bfloat16', relative: 2 ** -8 },
};

const exact = { dtype: 'float32', relative: 1e-6 };

describe('statistics are PyTorch’s, whatever container the model is in', () => {
  for (const { label, path, kind, expected } of containers().filter((file) => !/quantized/.test(file.kind))) {
    it(label, async () => {
      const model = await open(path);
      const checkpoint = kind === 'ckpt';
      const truths = (checkpoint ? expected.tensors_checkpoint : expected.tensors) as Record<string, ExpectedTensor>;
      const found = await tensorStats(model, null, 8, neverAborted, noProgress);
      const prefix = checkpoint ? 'model_state_dict.' : '';
      const own = found.filter((stats) => stats.name.startsWith(prefix) && !stats.name.startsWith('optimizer'));
      assert.deepEqual(
        own.map((stats) => stats.name).sort(),
        Object.keys(truths)
          .map((name) => prefix + name)
          .sort(),
      );
      const { dtype, relative } = roundings[kind] ?? exact;
      for (const stats of own) {
        const truth = truths[stats.name.slice(prefix.length)];
        assert.deepEqual([stats.shape, stats.dtype, stats.stored], [truth.shape, dtype, null], stats.name);
        const widest = Math.max(Math.abs(truth.min), Math.abs(truth.max));
        for (const field of ['min', 'max', 'mean', 'std'] as const) {
          const size = field === 'mean' || roundings[kind] !== undefined ? widest : Math.abs(truth[field]);
          const error = Math.abs(stats[field] - truth[field]);
          assert.ok(error <= relative * size, `${stats.name} ${field}: ${stats[field]}, PyTorch ${truth[field]}`);
        }
        assert.equal(stats.zeros, truth.zeros, `${stats.name} zeros`);
      }
    });
  }
});

describe('modules that a file holds are the modules that PyTorch saved', () => {
  for (const { label, path, kind, expected } of containers().filter((file) =>
    /^(module|script|trace)\.pt$/.test(file.kind),
  )) {
    it(`${label}: types`, async () => {
      const model = await open(path);
      const types = Object.fromEntries([...walk(model.tree)].map((node) => [node.path, node.type]));
      assert.deepEqual(types, expected.modules);
    });

    it(`${label}: ${kind === 'trace.pt' ? 'the shapes of' : 'every hyperparameter of'} print(model)`, async () => {
      const { repr, reprInferred } = summarize(await open(path));
      // A trace keeps what ran, not what the modules were made with.
      const shown =
        kind === 'trace.pt'
          ? expected.print_float.replace(/, dropout=[\d.]+|, batch_first=True/g, '')
          : expected.print_float;
      assert.equal(repr, shown);
      assert.equal(reprInferred, false);
    });
  }
});
