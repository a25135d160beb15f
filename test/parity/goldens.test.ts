import assert from 'node:assert/strict';
import { checkActivations, checkNumbers } from '../support/checkGoldens';
import { checkRecurrentBits, checkRecurrentValues, sleefValues } from '../support/checkRecurrent';
import { committedGoldens, linearKinds } from '../support/goldens';
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
