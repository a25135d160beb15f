import assert from 'node:assert/strict';
import { checkWeights } from '../support/checkWeights';
import { corpusNames } from '../support/corpusForwards';
import { expectedOf } from '../support/fixtures';
import { fixtureVersions, openFixtureModel } from '../support/models';

describe('int8 weights are PyTorch’s, to the last bit', () => {
  for (const version of fixtureVersions) {
    for (const name of corpusNames) {
      const expected = expectedOf(version, name);
      for (const key of Object.keys(expected.quantized)) {
        it(`torch ${version}, ${name}, ${key}`, async () => {
          await checkWeights(await openFixtureModel(version, `${name}.pt`), expected, key);
        });
      }
    }
  }

  it('every fixture that was quantized by PyTorch is compared', () => {
    const keys = fixtureVersions.flatMap((version) =>
      corpusNames.map((name) => Object.keys(expectedOf(version, name).quantized)),
    );
    assert.ok(keys.every((names) => names.includes('onednn') && names.includes('qnnpack')));
    assert.ok(keys.slice(4).every((names) => names.includes('fbgemm')));
  });
});
