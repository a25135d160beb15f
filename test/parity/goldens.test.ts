import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { checkActivations, checkNumbers, linearDigests, linearOutputs } from '../support/checkGoldens';
import { checkRecurrentBits, checkRecurrentValues, sleefValues } from '../support/checkRecurrent';
import { fixturePath } from '../support/fixtures';
import { committedGoldens, type Goldens, linearKinds } from '../support/goldens';
import { fixtureVersions } from '../support/models';

/** A million values need a second, or several on a busy machine. */
const timeout = 60_000;

for (const version of fixtureVersions) {
  describe(`the same bits as PyTorch ${version} for seeded questions`, function () {
    this.timeout(timeout);
    const goldens = committedGoldens(version);
    checkNumbers(goldens.build, () => goldens);
  });
}

describe('the same bits as PyTorch 1.13 where activations take part', function () {
  this.timeout(timeout);
  const goldens = committedGoldens('1.13');
  checkActivations(() => goldens);
  checkRecurrentBits(goldens.build, () => goldens);
  checkRecurrentValues(goldens.build, () => goldens, sleefValues(goldens.build, goldens));
});

describe('oneDNN 3 multiplies in another order where it finds AVX-512', function () {
  this.timeout(timeout);
  const path = fixturePath('goldens', 'onednn-avx512.json');
  const goldens = JSON.parse(readFileSync(path, 'utf8')) as Pick<Goldens, 'seed' | 'linear' | 'build'>;

  it('dynamic Linear, onednnAvx512: every output', () => {
    assert.deepEqual(linearDigests(goldens, 'onednnAvx512'), goldens.linear.engines.onednn);
    for (const kind of linearKinds) assert.ok(goldens.linear.engines.onednn[kind].count >= 100_000);
  });

  it('which is not the order of AVX2, on the same questions', () => {
    const avx2 = committedGoldens('2.13');
    assert.deepEqual([goldens.seed, goldens.linear.modules], [avx2.seed, avx2.linear.modules]);
    for (const kind of linearKinds)
      assert.notEqual(goldens.linear.engines.onednn[kind].sha256, avx2.linear.engines.onednn[kind].sha256);
    for (const engine of ['fbgemm', 'qnnpack'])
      assert.deepEqual(goldens.linear.engines[engine], avx2.linear.engines[engine]);
  });

  it('the two differ by rounding alone: at most one unit in the last place of the product', () => {
    const [narrow, wide] = [linearOutputs(goldens, 'onednn'), linearOutputs(goldens, 'onednnAvx512')];
    let differ = 0;
    let count = 0;
    let worst = 0;
    for (const [i, output] of narrow.no_bias.entries()) {
      for (const [at, value] of output.entries()) {
        count++;
        const difference = Math.abs(value - wide.no_bias[i][at]);
        if (difference > 0) differ++;
        if (value !== 0) worst = Math.max(worst, difference / Math.abs(value));
      }
    }
    assert.ok(worst <= 2 ** -22, `${worst}`);
    assert.ok(differ / count > 0.1 && differ / count < 0.6, `${differ} of ${count}`);
  });
});

it('enough was asked', () => {
  for (const version of fixtureVersions) {
    const { qparams, weights, embeddings, linear } = committedGoldens(version);
    for (const { count } of [qparams, weights.per_tensor, weights.per_channel, embeddings[8], embeddings[4]]) {
      assert.ok(count >= 1_000_000, `${version}: ${count}`);
    }
    for (const [engine, answers] of Object.entries(linear.engines)) {
      for (const kind of linearKinds) assert.ok(answers[kind].count >= 100_000, `${version} ${engine} ${kind}`);
    }
  }
  assert.deepEqual(committedGoldens('1.13').build.engines, ['onednn', 'qnnpack']);
  assert.deepEqual(committedGoldens('2.13').build.engines, ['fbgemm', 'onednn', 'qnnpack']);
});
