import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import type { AttentionCall, FunctionName, LayerKernels } from '../../src/engine/kernels/layerKernels';
import { portableExp, portableFunctions } from '../../src/engine/kernels/reference/portableFunctions';
import { referenceLayers } from '../../src/engine/kernels/reference/referenceLayers';
import { assertSameBits, ulps } from '../support/floatBits';
import { everyKernels } from '../support/kernels';
import { gaussian } from '../support/random';

const lengths = [1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65, 127, 129, 255, 1023];
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const special = [0, -0, infinity, -infinity, nan, 3e38, -3e38, 1e-40, -1e-40, 20, -20, 88, -88, 104, -104, 710, -710];
const names = Object.keys(portableFunctions) as FunctionName[];
const kernels = everyKernels();

/** The results of every set of kernels are the reference's; a NaN is as good as another. */
function same(run: (layers: LayerKernels) => Float32Array, what: string): void {
  const plain = (layers: LayerKernels) => run(layers).map((value) => (Number.isNaN(value) ? nan : value));
  const expected = plain(referenceLayers);
  for (const [name, { layers }] of kernels) assertSameBits(plain(layers), expected, `${name}, ${what}`);
}

describe('what lies between the products has the bits of the reference', () => {
  for (const name of names) {
    it(`${name}: every awkward length, every magnitude, and the special values`, () => {
      const random = gaussian(3);
      const run = (x: Float32Array) => (layers: LayerKernels) => {
        const out = new Float32Array(x.length);
        layers.activate(name, x, out);
        return out;
      };
      for (const length of [...lengths, 32_768, 32_769, 70_001]) {
        for (const scale of [1, 8, 100, 1e-6]) {
          same(run(random(length).map((value) => value * scale)), `${length} times ${scale}`);
        }
      }
      same(run(Float32Array.from(special)), 'special values');
    });
  }

  it('in place, and of nothing', () => {
    for (const [name, { layers }] of kernels) {
      const x = gaussian(4)(40_001);
      const out = new Float32Array(x.length);
      layers.activate('gelu', x, out);
      layers.activate('gelu', x, x);
      assertSameBits(x, out, name);
      layers.activate('gelu', new Float32Array(0), new Float32Array(0));
      layers.softmax(new Float32Array(0), 5, new Float32Array(0));
    }
  });

  it('softmax: every awkward row, masked scores, and rows that hold NaN or infinity', () => {
    const random = gaussian(5);
    for (const size of lengths) {
      for (const rows of [1, 2, 5]) {
        for (const scale of [1, 30, 1e30]) {
          const x = random(rows * size).map((value) => value * scale);
          for (const hole of [0, infinity, -infinity, nan]) {
            const given = x.map((value, i) => (hole !== 0 && i % (size + 1) === 1 ? hole : value));
            same((layers) => rowsOf(layers, given, size), `${rows} × ${size} times ${scale}, with ${hole}`);
          }
        }
      }
    }
    same((layers) => rowsOf(layers, new Float32Array(6).fill(-infinity), 3), 'all forbidden');
    for (const [rows, size] of [
      [40_000, 3],
      [1, 100_003],
    ]) {
      const x = random(rows * size);
      same((layers) => rowsOf(layers, x, size), `${rows} × ${size}, more than go through at once`);
    }
  });

  it('layer norm and RMS norm: every awkward row, with and without weight and bias', () => {
    const random = gaussian(6);
    for (const size of lengths) {
      for (const rows of [1, 2, 7]) {
        const x = random(rows * size).map((value) => value * 3 + 1);
        for (const affine of [0, 1, 2, 3]) {
          const weight = affine & 1 ? random(size) : undefined;
          const bias = affine & 2 ? random(size) : undefined;
          for (const centered of [true, false]) {
            const norm = { size, eps: 1e-5, centered, weight, bias };
            same(normalized(x, norm), `${rows} × ${size}, weight and bias ${affine}, centered ${centered}`);
          }
        }
      }
    }
    const norm = { size: 5, eps: 0, centered: true, weight: undefined, bias: undefined };
    same(
      normalized(
        Float32Array.from({ length: 10 }, (_, i) => [1, nan, 3, infinity, 0][i % 5]),
        norm,
      ),
      'NaN',
    );
    same(normalized(new Float32Array(10).fill(2), norm), 'no variance');
    same(normalized(random(40_000 * 3), { ...norm, size: 3 }), 'more rows than go through at once');
  });

  it('attention: every awkward width, number of steps and kind of mask', () => {
    const random = gaussian(7);
    const steps = [1, 2, 3, 5, 8, 17, 65, 130];
    for (const [i, source] of steps.entries()) {
      for (const width of [1, 2, 3, 4, 7, 8, 33]) {
        const [target, batch, heads] = [steps[(i + width) % steps.length], 1 + (width % 3), 1 + (source % 3)];
        for (const kind of ['none', 'shared', 'perHead', 'padding', 'both']) {
          const call = attentionOf(random, { target, source, batch, heads, width }, kind);
          const what = `${target} × ${source} × ${width}, batch ${batch}, ${heads} heads, mask ${kind}`;
          same((layers) => layers.attention(call).output, what);
          same((layers) => layers.attention(call).weights, `weights of ${what}`);
        }
      }
    }
  });

  it('attention: a row that is forbidden wholly is NaN, as PyTorch’s', () => {
    const shape = { target: 3, source: 5, batch: 1, heads: 2, width: 4 };
    const call = attentionOf(gaussian(8), shape, 'none');
    const shared = Float32Array.from({ length: 15 }, (_, i) => (i < 5 ? -infinity : 0));
    const masked = { ...call, mask: { shared, perHead: false, padding: undefined } };
    same((layers) => layers.attention(masked).output, 'forbidden');
    const { output } = referenceLayers.attention(masked);
    assert.deepEqual(
      [...output].map(Number.isNaN),
      [...output].map((_, i) => i < 8),
    );
  });
});

describe('the portable functions are those of mathematics', () => {
  it('exp, relative error below 3e-13', () => {
    for (let x = -699.5; x < 700; x += 0.0973) {
      const exact = Math.exp(x);
      assert.ok(Math.abs(portableExp(x) / exact - 1) < 3e-13, `${x}`);
    }
    assert.deepEqual([0, -0, 701, -701, infinity, -infinity].map(portableExp), [1, 1, infinity, 0, infinity, 0]);
    assert.ok(Number.isNaN(portableExp(nan)));
  });

  const known: Record<FunctionName, (x: number) => number> = {
    relu: (x) => Math.max(0, x),
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    tanh: Math.tanh,
    silu: (x) => x / (1 + Math.exp(-x)),
    gelu: (x) => x * upper(-x),
    geluTanh: (x) => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  };
  for (const name of names) {
    it(`${name}, rounded to float32, within 1 ulp`, () => {
      for (let x = -12; x < 12; x += 0.00937) {
        const [actual, expected] = [portableFunctions[name](Math.fround(x)), known[name](Math.fround(x))];
        assert.ok(ulps(actual, expected) <= 1, `${Math.fround(x)}: ${actual} and ${expected}`);
      }
    });
  }

  it('their ends', () => {
    const ends = (name: FunctionName) => [-infinity, -3e38, -0, 0, 3e38, infinity].map(portableFunctions[name]);
    assert.deepEqual(ends('relu'), [0, 0, 0, 0, 3e38, infinity]);
    assert.deepEqual(ends('sigmoid'), [0, 0, 0.5, 0.5, 1, 1]);
    assert.deepEqual(ends('tanh'), [-1, -1, -0, 0, 1, 1]);
    for (const name of ['silu', 'gelu', 'geluTanh'] as const) {
      assert.deepEqual(ends(name), [nan, -0, -0, 0, 3e38, infinity], name);
    }
  });
});

/** 1 − Φ(x): Laplace's continued fraction far out, the power series of Φ near 0. */
function upper(x: number): number {
  if (x < 0) return 1 - upper(-x);
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x > 3) {
    let fraction = x;
    for (let n = 200; n > 0; n--) fraction = x + n / fraction;
    return density / fraction;
  }
  let [term, sum] = [x, x];
  for (let n = 3; n < 200; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 - density * sum;
}

function rowsOf(layers: LayerKernels, x: Float32Array, size: number): Float32Array {
  const out = new Float32Array(x.length);
  layers.softmax(x, size, out);
  return out;
}

function normalized(x: Float32Array, norm: Parameters<LayerKernels['normalize']>[1]) {
  return (layers: LayerKernels) => {
    const out = new Float32Array(x.length);
    layers.normalize(x, norm, out);
    return out;
  };
}

type Shape = Pick<AttentionCall, 'target' | 'source' | 'batch' | 'heads' | 'width'>;

function attentionOf(random: (count: number) => Float32Array, shape: Shape, kind: string): AttentionCall {
  const { target, source, batch, heads, width } = shape;
  const [query, keys, values] = [target, source, source].map((steps) => random(steps * batch * heads * width));
  const holes = (count: number) => random(count).map((value) => (value > 1 ? -infinity : value));
  const perHead = kind === 'perHead';
  const masked = perHead || kind === 'shared' || kind === 'both';
  const shared = masked ? holes((perHead ? batch * heads : 1) * target * source) : undefined;
  const padding = kind === 'padding' || kind === 'both' ? holes(batch * source) : undefined;
  return { ...shape, query, keys, values, mask: { shared, perHead, padding }, abort: neverAborted };
}
