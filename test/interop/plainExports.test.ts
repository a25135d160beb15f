import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import type { FloatTensor } from '../../src/engine/tensor/tensor';
import { floatTensor } from '../../src/engine/tensor/tensor';
import { loadModule, readValues } from '../../src/model/loadModule';
import { findModule, findTensor, type Model } from '../../src/model/openModel';
import type { ExportFormat, ExportRequestDto } from '../../src/protocol/exportDto';
import { writeExport } from '../support/exports';
import { openFixtureModel, quantized, spec } from '../support/models';
import { lstm, type Parameters, product } from '../support/onnxReference';
import { askPython, describeWithTorch, type Python } from '../support/pythons';
import { gaussian } from '../support/random';

interface Described {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly sha256: string;
}

interface PlainAnswer {
  readonly tensors: Readonly<Record<string, Described>>;
  /** Dequantized by the lines that come with the file. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

interface OnnxAnswer {
  readonly outputs: readonly (readonly number[])[];
}

describeWithTorch(
  'other libraries read our exports',
  (python) => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quantscope-plain-'));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const ask = async <T>(name: string, model: Model, request: Request, inputs?: Inputs): Promise<T> => {
      const { file, load } = await writeExport(folder, model, name, request);
      const list = join(folder, `${name}.json`);
      const named = inputs && Object.fromEntries(Object.entries(inputs).map(([k, t]) => [k, [t.shape, [...t.data]]]));
      await writeFile(list, JSON.stringify([{ file, load, inputs: named }]));
      const [answer] = await askPython<T[]>(python as Python, 'read_plain.py', list);
      return answer;
    };

    for (const format of ['npz', 'safetensors'] satisfies ExportFormat[]) {
      for (const perChannel of [false, true]) {
        it(`${format}${perChannel ? ', per channel' : ''}: every array, and its value from code, scale and zero point`, async () => {
          const model = await openFixtureModel('2.13', 'mlp.pt');
          const answer = await ask<PlainAnswer>(`mlp.${perChannel}.${format}`, model, {
            format,
            spec: spec({ perChannel }),
          });
          const report = await quantized(model, { perChannel });
          for (const { path, weights } of report.modules) {
            for (const { name, int8Sha256, maxAbsError } of weights) {
              const full = `${path}.${name}`;
              assert.deepEqual([answer.tensors[full].dtype, answer.tensors[full].sha256], ['int8', int8Sha256]);
              const floats = await readValues(model, findTensor(model, full), neverAborted);
              const worst = floats.reduce((most, x, i) => Math.max(most, Math.abs(x - answer.values[full][i])), 0);
              assert.ok(Math.abs(worst - maxAbsError) < 1e-9, `${full}: ${worst} is not ${maxAbsError}`);
            }
          }
          const bias = await model.file.readTensor(findTensor(model, '0.bias').record, neverAborted);
          assert.equal(answer.tensors['0.bias'].sha256, createHash('sha256').update(bias).digest('hex'));
        });
      }
    }

    it('safetensors in shards: every array of every shard, by the index', async () => {
      const model = await openFixtureModel('2.13', 'mlp.pt');
      const [whole, shards] = [
        await ask<PlainAnswer>('one.safetensors', model, { format: 'safetensors', spec: spec() }),
        await ask<PlainAnswer>('many.safetensors', model, { format: 'safetensors', spec: spec(), shardBytes: 700 }),
      ];
      assert.equal(Object.keys(shards.tensors).length, 8);
      assert.deepEqual(shards, whole);
      assert.ok(
        (await readdir(folder)).filter((name) => /^many-0000\d-of-00003\.safetensors$/.test(name)).length === 3,
      );
    });

    const random = gaussian(11);
    const tensor = (...shape: number[]) => floatTensor(random(shape.reduce((a, b) => a * b, 1)), shape);
    const closest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);

    const floats: readonly [fixture: string, module: string, inputs: Inputs][] = [
      ['recipe_lstm.pt', 'lstm', { input: tensor(20, 2, 8), h0: tensor(1, 2, 8), c0: tensor(1, 2, 8) }],
      ['word_lm.pt', 'rnn', { input: tensor(7, 3, 64), h0: tensor(2, 3, 64), c0: tensor(2, 3, 64) }],
      ['gru_tagger.pt', 'gru', { input: tensor(7, 3, 24), h0: tensor(4, 3, 32) }],
      ['word_lm.pt', 'decoder', { input: tensor(5, 64) }],
    ];
    for (const [fixture, module, inputs] of floats) {
      it(`ONNX Runtime runs ${module} of ${fixture} in float within 1e-5 of our engine`, async () => {
        const model = await openFixtureModel('2.13', fixture);
        const request = { format: 'onnx', module, spec: null } as const;
        const { outputs } = await ask<OnnxAnswer>(`${fixture}.${module}.onnx`, model, request, inputs);
        const own = await loadModule(model, findModule(model, module), neverAborted);
        const expected = own.forward(Object.values(inputs), { kernels: selectKernels(), abort: neverAborted });
        for (const [i, { data }] of expected.entries()) assert.ok(closest(data, outputs[i]) < 1e-5, `output ${i}`);
      });
    }

    const parametersOf = async (model: Model, path: string, part: string): Promise<Parameters> => {
      const read = (name: string) => readValues(model, findTensor(model, `${path}.${name}`), neverAborted);
      return { weight: await read(`weight${part}`), bias: await read(`bias${part}`) };
    };

    it('ONNX Runtime runs a quantized Linear within 1e-5 of the operators’ definition', async () => {
      const model = await openFixtureModel('2.13', 'word_lm.pt');
      const input = tensor(5, 64);
      const request = { format: 'onnx', module: 'decoder', spec: spec() } as const;
      const { outputs } = await ask<OnnxAnswer>('decoder.int8.onnx', model, request, { input });
      const expected = product(await parametersOf(model, 'decoder', ''), input.data, 64);
      assert.ok(closest(expected, outputs[0]) < 1e-5);
    });

    it('ONNX Runtime runs a quantized LSTM of two layers within 1e-5 of the operators’ definition', async () => {
      const model = await openFixtureModel('2.13', 'word_lm.pt');
      const inputs = { input: tensor(20, 1, 64), h0: tensor(2, 1, 64), c0: tensor(2, 1, 64) };
      const request = { format: 'onnx', module: 'rnn', spec: spec() } as const;
      const { outputs } = await ask<OnnxAnswer>('rnn.int8.onnx', model, request, inputs);
      let x = inputs.input.data;
      for (let layer = 0; layer < 2; layer++) {
        const [ih, hh] = [
          await parametersOf(model, 'rnn', `_ih_l${layer}`),
          await parametersOf(model, 'rnn', `_hh_l${layer}`),
        ];
        const state = ({ data }: FloatTensor) => data.subarray(layer * 64, (layer + 1) * 64);
        x = lstm(ih, hh, x, 64, state(inputs.h0), state(inputs.c0));
      }
      assert.ok(closest(x, outputs[0]) < 1e-5, `${closest(x, outputs[0])}`);
    });
  },
  ['current'],
);

type Inputs = Readonly<Record<string, FloatTensor>>;
type Request = Partial<ExportRequestDto>;
