import assert from 'node:assert/strict';
import { referenceStreams } from '../../src/engine/kernels/reference/referenceStreams';
import { tileLength } from '../../src/engine/kernels/streamKernels';
import { everyKernels } from '../support/kernels';
import { gaussian } from '../support/random';

const lengths = [0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65, 127, 129, 255, 1023, tileLength];

const kernels = [...everyKernels().values()];

/** Normal values; every third array has NaN, infinities and zeros among them, some have nothing else. */
function tiles(): Float32Array[] {
  const random = gaussian(8);
  const specials = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0];
  return lengths.flatMap((length) => [
    random(length),
    random(length).map((value) => 1e6 + value),
    random(length).map((value, i) => (i === 0 ? 1e9 : value)),
    random(length).map((value, i) => (i % 7 < 5 ? specials[i % 7] : value)),
    new Float32Array(length).fill(Number.NaN),
  ]);
}

describe('the streaming kernels give the bits of the reference', () => {
  for (const { name, streams } of kernels) {
    it(`${name}: statistics and range`, () => {
      for (const values of tiles()) {
        assert.deepEqual(streams.stats(values), referenceStreams.stats(values), `${values.length}`);
        assert.deepEqual(streams.range(values), referenceStreams.range(values), `${values.length}`);
      }
    });

    it(`${name}: histogram`, () => {
      for (const values of tiles()) {
        const { count, min, max } = referenceStreams.stats(values);
        const [low, high] = count > 0 && min < max ? [min, max] : [-1, 1];
        for (const bins of [1, 7, 64, 512, 2048, 2049, 65_536]) {
          const [actual, expected] = [new Float64Array(bins).fill(3), new Float64Array(bins).fill(3)];
          streams.histogram(values, low, bins / (high - low), actual);
          referenceStreams.histogram(values, low, bins / (high - low), expected);
          assert.deepEqual(actual, expected, `${values.length} values, ${bins} bins`);
        }
      }
    });

    it(`${name}: the values of a window, in order, and how many are less`, () => {
      for (const values of tiles()) {
        for (const [low, high] of [
          [-0.5, 0.25],
          [0, 0],
          [1, -1],
          [-3e38, 3e38],
        ]) {
          const message = `${values.length} values in [${low}, ${high}]`;
          assert.deepEqual(streams.gather(values, low, high), referenceStreams.gather(values, low, high), message);
        }
      }
    });

    it(`${name}: codes of weights, ties included`, () => {
      for (const values of tiles()) {
        for (const inverse of [1, 127.5 / 3, 1e-3, 1e30]) {
          const [actual, expected] = [new Int8Array(values.length), new Int8Array(values.length)];
          const halves = values.map((value) => Math.round(value * 2) / 2);
          for (const input of [values, halves]) {
            streams.quantize(input, inverse, actual);
            referenceStreams.quantize(input, inverse, expected);
            assert.deepEqual(actual, expected, `${values.length} values, inverse ${inverse}`);
          }
        }
      }
    });

    it(`${name}: values on and beside the borders of bins, ranges of every size`, () => {
      const random = gaussian(12)(1023);
      for (const [low, high] of [
        [-1, 1],
        [0.1, 0.1000001],
        [-3e38, 3e38],
        [1e-42, 9e-42],
        [-0.5, 0.5],
        [16_777_216, 16_777_300],
      ]) {
        for (const bins of [1, 64, 512, 4096]) {
          const width = (high - low) / bins;
          const values = random.map((x, i) => {
            const border = low + width * Math.floor(Math.abs(x) * bins);
            return i % 3 === 0
              ? border
              : i % 3 === 1
                ? border * (1 + (i % 5) * 1e-7)
                : low + Math.abs(x) * (high - low);
          });
          const [actual, expected] = [new Float64Array(bins), new Float64Array(bins)];
          streams.histogram(values, low, bins / (high - low), actual);
          referenceStreams.histogram(values, low, bins / (high - low), expected);
          assert.deepEqual(actual, expected, `[${low}, ${high}], ${bins} bins`);
        }
      }
    });

    it(`${name}: what int8 makes of the values of one channel and of many`, () => {
      for (const values of tiles()) {
        const channels = [
          { start: 0, channelLength: Math.max(values.length, 1), scales: [Math.fround(0.03)] },
          {
            start: 13,
            channelLength: 5,
            scales: Array.from({ length: 20_000 }, (_, i) => Math.fround(0.01 + (i % 7))),
          },
        ];
        for (const channel of channels) {
          const of = ({ restore }: typeof streams) => {
            const [restored, eighths] = [new Float32Array(values.length), new Uint32Array(2048).fill(2)];
            restore(values, channel, restored, eighths);
            return { restored, eighths };
          };
          assert.deepEqual(of(streams), of(referenceStreams), `${values.length} values`);
        }
      }
    });

    it(`${name}: tiles in a workspace give what copies give`, () => {
      for (const values of tiles()) {
        const spaces = [0, 0, 0].map(() => streams.workspace(4 * tileLength));
        const [tile, other, codes] = spaces.map((space) => space.bytes());
        const inside = new Float32Array(tile.buffer, tile.byteOffset, values.length);
        inside.set(values);
        const restored = new Float32Array(other.buffer, other.byteOffset, values.length);
        const int8 = new Int8Array(codes.buffer, codes.byteOffset, values.length);
        const [expected, expectedCodes] = [new Float32Array(values.length), new Int8Array(values.length)];
        const [counts, expectedCounts] = [new Uint32Array(2048), new Uint32Array(2048)];
        const channels = { start: 3, channelLength: 100, scales: new Array(1000).fill(0.25) };
        assert.deepEqual(streams.stats(inside), referenceStreams.stats(values));
        assert.deepEqual(streams.range(inside), referenceStreams.range(values));
        streams.restore(inside, channels, restored, counts);
        referenceStreams.restore(values, channels, expected, expectedCounts);
        assert.deepEqual([restored, counts], [expected, expectedCounts]);
        assert.deepEqual(streams.errors(inside, restored), referenceStreams.errors(values, expected));
        streams.quantize(inside, 7, int8);
        referenceStreams.quantize(values, 7, expectedCodes);
        assert.deepEqual(int8, expectedCodes);
        const outside = new Float32Array(values.length);
        streams.dequantize(int8, Math.fround(0.3), restored);
        streams.dequantize(expectedCodes, Math.fround(0.3), outside);
        referenceStreams.dequantize(expectedCodes, Math.fround(0.3), expected);
        assert.deepEqual([restored, outside], [expected, expected]);
        for (const space of spaces) space.release();
      }
    });

    it(`${name}: errors`, () => {
      const random = gaussian(9);
      for (const length of lengths) {
        const [a, b] = [random(length), random(length)];
        assert.deepEqual(streams.errors(a, b), referenceStreams.errors(a, b), `${length}`);
      }
    });

    for (const format of ['float16', 'bfloat16'] as const) {
      it(`${name}: every ${format} pattern, and any number of them`, () => {
        for (const length of lengths) {
          const patterns = Uint16Array.from({ length }, (_, i) => i + (length % 4) * 16_384);
          const [actual, expected] = [new Float32Array(length), new Float32Array(length)];
          streams[format](patterns, actual);
          referenceStreams[format](patterns, expected);
          // NaN keep their sign and payload in one of them.
          const at = actual.findIndex((value, i) => !Object.is(value, expected[i]));
          assert.equal(at, -1, `${length} patterns`);
        }
      });
    }
  }
});
