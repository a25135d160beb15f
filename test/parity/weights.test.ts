import assert from 'node:assert/strict';
import type { EngineName } from '../../src/protocol/dto';
import { expectedOf } from '../support/fixtures';
import { fixtureVersions, openFixtureModel, quantized } from '../support/models';

/** What *.expected.json says of one quantized weight. */
interface WeightTruth {
  readonly scheme: 'per_tensor' | 'per_channel';
  readonly scale?: number;
  readonly scales?: readonly number[];
  readonly int_repr_sha256: string;
}

/** PyTorch's spec behind each key of `quantized`: an engine, or per-channel Linear with nothing else. */
function changesOf(key: string) {
  return key === 'per_channel_linear'
    ? ({ engine: 'fbgemm', perChannel: true, modules: ['Linear'] } as const)
    : { engine: key as EngineName };
}

describe('int8 weights are PyTorch’s, to the last bit', () => {
  for (const version of fixtureVersions) {
    for (const name of ['recipe_lstm', 'word_lm', 'mlp', 'gru_tagger']) {
      for (const [key, truth] of Object.entries(expectedOf(version, name).quantized)) {
        it(`torch ${version}, ${name}, ${key}`, async () => {
          const report = await quantized(await openFixtureModel(version, `${name}.pt`), changesOf(key));
          const actual = report.modules.flatMap(({ path, weights }) =>
            weights.map((weight) => [
              path === '' ? weight.name : `${path}.${weight.name}`,
              { scheme: weight.scheme, scales: weight.scales, hash: weight.int8Sha256 },
            ]),
          );
          const expected = Object.entries(truth.weights as Readonly<Record<string, WeightTruth>>).map(
            ([weight, { scheme, scale, scales, int_repr_sha256 }]) => [
              weight,
              { scheme, scales: scales ?? [scale], hash: int_repr_sha256 },
            ],
          );
          assert.deepEqual(Object.fromEntries(actual), Object.fromEntries(expected));
        });
      }
    }
  }

  it('every fixture that was quantized by PyTorch is compared', () => {
    const keys = fixtureVersions.flatMap((version) =>
      ['recipe_lstm', 'word_lm', 'mlp', 'gru_tagger'].map((name) => Object.keys(expectedOf(version, name).quantized)),
    );
    assert.ok(keys.every((names) => names.includes('onednn') && names.includes('qnnpack')));
    assert.ok(keys.slice(4).every((names) => names.includes('fbgemm')));
  });
});
