import assert from 'node:assert/strict';
import { corpusNames, largestDifference, treatmentOf } from '../support/corpusForwards';
import { expectedOf } from '../support/fixtures';
import { committedGoldens } from '../support/goldens';
import { fixtureVersions, openFixtureModel } from '../support/models';
import { readNpzFixture } from '../support/npz';

const tolerance = 1e-6;

for (const version of fixtureVersions) {
  describe(`forward passes are those of PyTorch ${version}`, () => {
    const { build } = committedGoldens(version);
    for (const name of corpusNames) {
      const keys = Object.keys(expectedOf(version, name).quantized);
      const difference = async (key: string, exact: boolean) => {
        const arrays = await readNpzFixture(`torch-${version}`, name);
        const model = await openFixtureModel(version, `${name}.pt`);
        const how = treatmentOf(key, build.engines, exact ? build : undefined);
        return largestDifference(name, model, arrays, key, how);
      };

      for (const key of ['float', ...keys]) {
        it(`${name}, ${key}: within ${tolerance}`, async () => {
          const worst = await difference(key, false);
          assert.ok(worst <= tolerance, `largest difference ${worst}`);
        });
      }

      // Float products and LayerNorm are summed in another order, and MKL's tanh is not known.
      const exact = name === 'mlp' || (!build.mkl && name !== 'gru_tagger');
      for (const key of keys.filter((one) => exact && (one !== 'per_channel_linear' || name === 'mlp'))) {
        it(`${name}, ${key}: every bit, with that PyTorch's form of the engine`, async () => {
          assert.equal(await difference(key, true), 0);
        });
      }

      it(`${name}: quantization changes the outputs, so a comparison can fail`, async () => {
        const arrays = await readNpzFixture(`torch-${version}`, name);
        for (const engine of build.engines) {
          assert.notDeepEqual(arrays.get(`${engine}.0`)?.data, arrays.get('float.0')?.data, engine);
        }
      });
    }
  });
}
