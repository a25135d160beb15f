import assert from 'node:assert/strict';
import { Generator } from '../../../../src/engine/random/generator';
import { floatBits } from '../../../support/floatBits';

/** Vectors of PyTorch's CPU generator, the same in 1.13 and 2.13. */
describe('Generator', () => {
  describe('raw words', () => {
    const seeds: readonly [seed: number | bigint, words: readonly number[]][] = [
      [0, [2357136044, 2546248239, 3071714933, 3626093760]],
      [29592, [2679304898, 2957405864, 1790418352, 2145210570]],
    ];
    for (const [seed, words] of seeds) {
      it(`are those of seed ${seed}`, () => {
        const generator = new Generator(seed);
        assert.deepEqual(
          words.map(() => generator.random()),
          words,
        );
      });
    }

    it('depend on the low 32 bits of the seed alone', () => {
      const words = (seed: number | bigint) => {
        const generator = new Generator(seed);
        return Array.from({ length: 1300 }, () => generator.random());
      };
      assert.deepEqual(words(2n ** 32n + 5n), words(5));
      assert.deepEqual(words(2n ** 64n - 1n), words(0xffffffff));
      assert.deepEqual(words(-1), words(0xffffffff));
      assert.notDeepEqual(words(0), words(1));
    });

    it('start from seed 5489 when nothing is seeded', () => {
      assert.equal(new Generator().random(), new Generator(5489).random());
    });
  });

  it('rand(4) of seed 0', () => {
    const { data, shape } = new Generator(0).rand([4]);
    assert.deepEqual(shape, [4]);
    assert.deepEqual(floatBits(data), ['3efe1558', '3f44aa2f', '3db533a8', '3e073300']);
  });

  it('uniform_(−0.25, 0.25) of seed 0', () => {
    const { data } = new Generator(0).uniform([4], -0.25, 0.25);
    assert.deepEqual(floatBits(data), ['baf55400', '3e09545e', 'be52b316', 'be3c6680']);
  });

  it('uniform values stay within their bounds', () => {
    const bound = 1 / Math.sqrt(8);
    for (const value of new Generator(3).uniform([5000], -bound, bound).data) {
      assert.ok(Math.abs(value) <= Math.fround(bound), String(value));
    }
  });

  describe('randn of seed 0', () => {
    const vectors: readonly [count: number, at: readonly number[], bits: readonly string[]][] = [
      [4, [0, 1, 2, 3], ['3fc53f5c', 'be963c50', 'c00b7149', '3f1184b6']],
      [16, [0, 1, 2, 3], ['bf901b85', 'bf93808a', 'be804bd6', 'bede255d']],
      [16, [8, 9, 10, 11], ['3ea50138', 'bfa1b4f4', '3eb330ff', '3e9dc3bb']],
      [17, [0, 1, 15, 16], ['bf901b85', 'bfd91446', 'bf57fb33', '3f6e8c30']],
    ];
    for (const [count, at, bits] of vectors) {
      it(`randn(${count}) at ${at.join(', ')}`, () => {
        const { data } = new Generator(0).randn([count]);
        assert.deepEqual(floatBits(at.map((i) => data[i])), bits);
      });
    }
  });

  describe('how much of the stream randn takes', () => {
    /** Words consumed: the position at which the next word appears in the raw stream. */
    const consumed = (use: (generator: Generator) => void) => {
      const generator = new Generator(11);
      use(generator);
      const next = generator.random();
      const raw = new Generator(11);
      for (let i = 0; i < 4000; i++) if (raw.random() === next) return i;
      return assert.fail('the stream was lost');
    };
    const sizes: readonly [count: number, words: number][] = [
      [0, 0],
      [1, 4],
      [2, 4],
      [3, 8],
      [15, 32],
      [16, 16],
      [17, 33],
      [23, 39],
      [31, 47],
      [32, 32],
      [33, 49],
      [100, 116],
      [160, 160],
    ];
    for (const [count, words] of sizes) {
      it(`randn(${count}) takes ${words} words`, () => {
        assert.equal(
          consumed((generator) => generator.randn([count])),
          words,
        );
      });
    }

    it('the second value of a pair waits for the next small call, past a block', () => {
      const pair = new Generator(7).randn([2]).data;
      const generator = new Generator(7);
      assert.equal(generator.randn([1]).data[0], pair[0]);
      generator.randn([20]);
      assert.equal(generator.randn([1]).data[0], pair[1]);
    });

    it('the waiting value takes the mean and deviation of the call that uses it', () => {
      const pair = new Generator(7).randn([2]).data;
      const generator = new Generator(7);
      generator.randn([1]);
      assert.ok(Math.abs(generator.normal([1], 10, 2).data[0] - (pair[1] * 2 + 10)) < 1e-6);
    });

    it('manualSeed drops the waiting value', () => {
      const generator = new Generator(7);
      const [first] = generator.randn([1]).data;
      assert.equal(generator.manualSeed(7).randn([1]).data[0], first);
    });

    it('a small sequence of mixed sizes is one stream of pairs', () => {
      const whole = new Generator(21).randn([12]).data;
      const generator = new Generator(21);
      const parts = [3, 5, 1, 3].flatMap((count) => [...generator.randn([count]).data]);
      assert.deepEqual(parts, [...whole]);
    });
  });

  it('normal_(mean, std) scales and shifts the standard normal', () => {
    const standard = new Generator(5).randn([64]).data;
    const { data } = new Generator(5).normal([64], -3, 0.5);
    for (let i = 0; i < data.length; i++) assert.ok(Math.abs(data[i] - (standard[i] * 0.5 - 3)) < 1e-6);
  });

  it('randn has mean 0 and deviation 1', () => {
    const { data } = new Generator(1).randn([100_000]);
    const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
    const variance = data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length;
    assert.ok(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.02, `${mean} ${variance}`);
  });

  it('randint(5, 15) is the raw word modulo the range', () => {
    const raw = new Generator(2);
    const expected = Array.from({ length: 50 }, () => (raw.random() % 10) + 5);
    assert.deepEqual([...new Generator(2).randint(5, 15, 50)], expected);
  });

  it('randperm(50) is a permutation that draws 49 words', () => {
    const generator = new Generator(9);
    const order = [...generator.randperm(50)];
    assert.deepEqual(
      [...order].sort((a, b) => a - b),
      Array.from({ length: 50 }, (_, i) => i),
    );
    const raw = new Generator(9);
    for (let i = 0; i < 49; i++) raw.random();
    assert.equal(generator.random(), raw.random());
    assert.equal(order[0], new Generator(9).random() % 50);
  });
});
