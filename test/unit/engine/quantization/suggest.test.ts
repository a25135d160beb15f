import assert from 'node:assert/strict';
import {
  decibels,
  floatSet,
  type LayerCost,
  sizeErrorCurve,
  suggestForSize,
} from '../../../../src/engine/quantization/suggest';
import { seededRandom } from '../../../support/random';

function randomLayers(random: () => number, count: number): LayerCost[] {
  return Array.from({ length: count }, (_, i) => ({
    path: `layers.${i}`,
    noise: 10 ** (-6 * random()),
    floatBytes: 400 + Math.floor(4000 * random()),
    quantizedBytes: 100 + Math.floor(300 * random()),
  }));
}

/** Every choice of layers in float, by brute force. */
function choices(layers: readonly LayerCost[]) {
  return Array.from({ length: 2 ** layers.length }, (_, bits) =>
    floatSet(layers, new Set(layers.filter((_, i) => (bits >> i) & 1).map(({ path }) => path)), 1000),
  );
}

describe('which layers to keep in float', () => {
  it('error never grows when a layer is added to the float set: 200 random models, every layer, any set', () => {
    const random = seededRandom(1);
    for (let trial = 0; trial < 200; trial++) {
      const layers = randomLayers(random, 1 + Math.floor(12 * random()));
      const keep = new Set(layers.filter(() => random() < 0.5).map(({ path }) => path));
      const before = floatSet(layers, keep, 0);
      for (const { path } of layers) {
        const after = floatSet(layers, new Set([...keep, path]), 0);
        assert.ok(after.sqnrDb >= before.sqnrDb, `${path}: ${before.sqnrDb} → ${after.sqnrDb} dB`);
        assert.ok(after.bytes >= before.bytes);
      }
    }
  });

  it('the curve never falls, and ends with everything in float and no error', () => {
    const random = seededRandom(2);
    for (let trial = 0; trial < 100; trial++) {
      const curve = sizeErrorCurve(randomLayers(random, 8), 1000);
      for (let i = 1; i < curve.length; i++) assert.ok(curve[i].sqnrDb >= curve[i - 1].sqnrDb);
      assert.equal(curve.at(-1)?.sqnrDb, Number.POSITIVE_INFINITY);
    }
  });

  it('the first point of the curve that reaches a target has as few layers as any choice that does', () => {
    const random = seededRandom(3);
    for (let trial = 0; trial < 50; trial++) {
      const layers = randomLayers(random, 8);
      const target = 10 + 60 * random();
      const found = sizeErrorCurve(layers, 1000).find(({ sqnrDb }) => sqnrDb >= target);
      const fewest = Math.min(
        ...choices(layers)
          .filter(({ sqnrDb }) => sqnrDb >= target + 1e-9)
          .map(({ keep }) => keep.length),
      );
      assert.ok((found?.keep.length ?? 99) <= fewest);
    }
  });

  it('a size budget is kept, and leaves at most 6 dB to the best of all choices', () => {
    const random = seededRandom(4);
    for (let trial = 0; trial < 50; trial++) {
      const layers = randomLayers(random, 8);
      const smallest = floatSet(layers, new Set(), 1000).bytes;
      const budget = smallest + Math.floor(8000 * random());
      const chosen = suggestForSize(layers, budget, 1000);
      assert.ok(chosen.bytes <= budget);
      const best = Math.max(
        ...choices(layers)
          .filter(({ bytes }) => bytes <= budget)
          .map(({ sqnrDb }) => sqnrDb),
      );
      assert.ok(chosen.sqnrDb === best || chosen.sqnrDb >= best - 6, `${chosen.sqnrDb} of ${best} dB`);
    }
  });

  it('a hundredth of the power is 20 dB', () => {
    assert.equal(decibels(0.01), 20);
  });
});
