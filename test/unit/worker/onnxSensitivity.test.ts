import assert from 'node:assert/strict';
import type { AbortCheck } from '../../../src/core/abort';
import { aborted, type QuantscopeError } from '../../../src/core/errors';
import { noProgress } from '../../../src/core/progress';
import type { SensitivityRequestDto } from '../../../src/protocol/answersDto';
import { fixturePath } from '../../support/fixtures';
import { spec } from '../../support/models';
import { closeForwards, openForwards } from '../../support/openForwards';

const seed = 3;

function request(changes: Partial<SensitivityRequestDto> = {}): SensitivityRequestDto {
  return { spec: spec(), module: '', seed, shapes: null, targetDb: null, maxBytes: null, ...changes };
}

const open = (name: string, abort?: AbortCheck) => openForwards(fixturePath('onnxRuntime', `${name}.onnx`), abort);

describe('layers of an ONNX graph ranked by the error at its output', function () {
  this.timeout(60_000);
  afterEach(closeForwards);

  for (const name of ['block', 'word_lm', 'lstm_last', 'convolution']) {
    it(`${name}: each layer alone and all but some give what a forward with that choice gives`, async () => {
      const forwards = await open(name);
      const shapes = (await forwards.describe({})).inputs.map(({ shape }) => shape);
      const measured = async (paths: readonly string[]) => {
        const run = { module: '', seed, shapes, engine: 'fbgemm', perChannel: false, runs: 1, warmup: 0 } as const;
        const { accuracy } = await forwards.forward({ ...run, spec: spec({ modules: paths }) }, noProgress);
        return accuracy.sqnrDb;
      };
      const { scope, layers, curve } = await forwards.sensitivity(request(), noProgress);
      assert.equal(scope, 'model');
      assert.deepEqual(
        layers.map(({ sqnrDb }) => sqnrDb),
        layers.map(({ sqnrDb }) => sqnrDb).sort((a, b) => a - b),
      );
      for (const { path, sqnrDb } of layers) {
        const alone = await measured([path]);
        assert.ok(Math.abs(alone - sqnrDb) < 0.01, `${path}: ${sqnrDb}, alone ${alone}`);
      }
      for (const { keep, measuredDb } of curve) {
        const rest = layers.map(({ path }) => path).filter((path) => !keep.includes(path));
        if (rest.length > 0) assert.ok(Math.abs((await measured(rest)) - (measuredDb ?? 0)) < 0.01);
        else assert.equal(measuredDb, Number.POSITIVE_INFINITY);
      }
    });
  }

  it('names the fewest layers in float that reach a target', async () => {
    const forwards = await open('block');
    const { suggestion, curve } = await forwards.sensitivity(request({ targetDb: 42 }), noProgress);
    assert.ok(suggestion?.reached && (suggestion.measuredDb ?? 0) >= 42);
    assert.ok((curve[suggestion.keep.length - 1].measuredDb ?? 0) < 42);
  });

  it('tells its progress by layer, and is cancelled between two', async () => {
    let stop = false;
    const forwards = await open('block', {
      throwIfAborted() {
        if (stop) throw aborted();
      },
    });
    const seen: string[] = [];
    const progress = (done: number, total: number, what: string) => {
      if (total === 6) seen.push(what);
      if (done === 2) stop = true;
    };
    await assert.rejects(
      forwards.sensitivity(request(), progress),
      (error: QuantscopeError) => error.code === 'E_ABORTED',
    );
    assert.deepEqual(seen, ['Q', 'K', 'V']);
  });
});
