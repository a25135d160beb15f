import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { joinChunks } from '../../../src/core/byteChunks';
import { noProgress } from '../../../src/core/progress';
import { planTorchFile, type StateItem } from '../../../src/formats/torch/write';
import { type ExportSources, planExport } from '../../../src/model/export/exportModel';
import { findModule, type Model } from '../../../src/model/openModel';
import { draftQuantization, quantizeModel } from '../../../src/model/quantizeModel';
import { streamedLinear } from '../../../src/model/streamedLinear';
import { modelFrom, spec } from '../../support/models';
import { seededRandom } from '../../support/random';

/** 18 MB; a tile of 4 MB ends within a row. */
const shape = [1100, 4099] as const;

async function largeLinear(at?: number, value = 0): Promise<Model> {
  const random = seededRandom(7);
  const weight = new Float32Array(shape[0] * shape[1]);
  for (let i = 0; i < weight.length; i++) weight[i] = (random() - 0.5) * (1 + (i % 5));
  if (at !== undefined) weight[at] = value;
  const bias = Float32Array.from({ length: shape[0] }, (_, i) => i / 8);
  const tensor = (name: string, values: Float32Array, of: readonly number[]): StateItem => ({
    kind: 'tensor',
    name,
    tensor: { dtype: 'float32', shape: of, data: async () => new Uint8Array(values.buffer) },
  });
  const items = [tensor('fc.weight', weight, shape), tensor('fc.bias', bias, [shape[0]])];
  const plan = planTorchFile({ items, versions: [] }, { archiveName: 'm', style: '2', engine: 'fbgemm' });
  return modelFrom(await joinChunks(plan.chunks()), 'm.pt');
}

/** The same model from a format that reads whole tensors only. */
function held(model: Model): Model {
  return { ...model, file: { ...model.file, readRange: undefined } };
}

async function exported(
  model: Model,
  perChannel: boolean,
  format: 'torch' | 'safetensors',
  sources: ExportSources = {},
): Promise<Buffer> {
  const request = {
    target: 'out',
    format,
    spec: spec({ perChannel }),
    torchStyle: '1.13',
    layout: 'state_dict',
  } as const;
  const rest = { module: '', shardBytes: 5e9, reduceRange: false, overwrite: true };
  const { files } = await planExport(model, { ...request, ...rest }, neverAborted, noProgress, sources);
  return Buffer.from(await joinChunks(files[0].plan.chunks()));
}

describe('a Linear too large to hold', function () {
  this.timeout(20_000);
  let model: Model;
  before(async () => {
    model = await largeLinear();
  });

  for (const perChannel of [false, true]) {
    it(`has every number of one that is held, ${perChannel ? 'per channel' : 'per tensor'}`, async () => {
      const of = (what: Model) => quantizeModel(what, spec({ perChannel }), neverAborted, noProgress);
      const qconfig = perChannel ? 'per_channel_dynamic' : 'default_dynamic';
      assert.ok(streamedLinear(model, findModule(model, 'fc'), qconfig, neverAborted) !== undefined);
      assert.deepEqual(await of(model), await of(held(model)));
    });

    it(`is exported to the same bytes, ${perChannel ? 'per channel' : 'per tensor'}`, async () => {
      for (const format of ['torch', 'safetensors'] as const) {
        const [large, small] = [
          await exported(model, perChannel, format),
          await exported(held(model), perChannel, format),
        ];
        assert.equal(Buffer.compare(large, small), 0, format);
      }
    });
  }

  for (const format of ['torch', 'safetensors'] as const) {
    it(`is read twice for an export to ${format} and the report of it: for the scales, and for codes and errors`, async () => {
      let bytes = 0;
      const { file } = model;
      const counted: Model = {
        ...model,
        file: {
          ...file,
          readRange: async (record, start, length, abort, into) => {
            const range = await file.readRange?.(record, start, length, abort, into);
            bytes += range?.length ?? 0;
            return range;
          },
        },
      };
      const draft = await draftQuantization(counted, spec(), neverAborted, noProgress);
      const written = await exported(counted, false, format, { quantizedOf: async () => draft });
      assert.equal(Buffer.compare(written, await exported(model, false, format)), 0);
      const report = await draft.finish();
      const weightBytes = shape[0] * shape[1] * 4;
      assert.ok(bytes >= 2 * weightBytes && bytes < 2.1 * weightBytes, `${bytes / weightBytes} times`);
      assert.deepEqual(report, await quantizeModel(model, spec(), neverAborted, noProgress));
    });
  }

  it('is measured after all when its codes were never made', async () => {
    const draft = await draftQuantization(model, spec(), neverAborted, noProgress);
    assert.deepEqual(await draft.finish(), await quantizeModel(model, spec(), neverAborted, noProgress));
  });

  it('is named where it has a NaN', async () => {
    const nan = await largeLinear(shape[0] * shape[1] - 3, Number.NaN);
    for (const perChannel of [false, true]) {
      await assert.rejects(
        quantizeModel(nan, spec({ perChannel }), neverAborted, noProgress),
        ({ details }) => details.code === 'E_NAN_WEIGHT' && details.where.tensor === 'fc.weight',
      );
    }
  });
});
