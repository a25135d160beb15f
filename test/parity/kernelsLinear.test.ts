import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import type { Kernels } from '../../src/engine/kernels/kernels';
import { referenceKernels } from '../../src/engine/kernels/reference/referenceKernels';
import { dynamicLinear, type PackedLinear, packLinear } from '../../src/engine/quantization/dynamicLinear';
import { engineSemantics, quantizedEngines } from '../../src/engine/quantization/engines';
import { observeRange } from '../../src/engine/quantization/observers';
import { chooseQParams } from '../../src/engine/quantization/qparams';
import { assertSameBits } from '../support/floatBits';
import { everyKernels } from '../support/kernels';
import { gaussian } from '../support/random';

/** Around every width that a vector, a panel or a block could have. */
const lengths = [1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65, 127, 129, 255, 1023];

const kernels = everyKernels();

function compare(packed: PackedLinear, x: Float32Array, m: number, what: string): void {
  const run = (name: string) =>
    dynamicLinear(packed, x, m, { kernels: kernels.get(name) ?? referenceKernels, abort: neverAborted }, 0, 0);
  const expected = run('reference');
  for (const name of kernels.keys()) assertSameBits(run(name), expected, `${name}, ${what}`);
}

describe('the shipped kernels give the bits of the reference', () => {
  it('the machine has them: SIMD, and on x86 relaxed SIMD', () => {
    assert.ok(kernels.has('wasm simd'));
    assert.ok(kernels.has('wasm relaxed simd') || process.arch !== 'x64');
  });

  for (const engine of quantizedEngines) {
    for (const scheme of ['per_tensor', 'per_channel'] as const) {
      it(`dynamic linear, ${engine}, ${scheme}, every awkward length`, () => {
        const random = gaussian(lengths.length);
        for (const k of lengths) {
          for (const [m, n] of [
            [1, 1],
            [1, 17],
            [2, 33],
            [3, 5],
          ]) {
            const bias = k % 3 === 0 ? undefined : random(n);
            const packed = packLinear({ module: '', name: 'w', bias, engine }, random(n * k), [n, k], scheme);
            for (const scale of [1, 1e-4, 300]) {
              const x = random(m * k).map((value) => value * scale);
              compare(packed, x, m, `${m} × ${n} × ${k}, bias ${bias !== undefined}, scale ${scale}`);
            }
          }
        }
      });
    }

    it(`dynamic linear, ${engine}, weights −128 and 127 against the extreme codes`, () => {
      const seen = new Set<number>();
      for (const k of lengths) {
        for (const fill of [-128, 127, 0, 1]) {
          const codes = Int8Array.from({ length: 5 * k }, (_, i) => (fill === 1 ? (i % 2 === 0 ? -128 : 127) : fill));
          const packed = extreme(engine, codes, 5, k);
          for (const x of extremeInputs(k)) {
            for (const code of codesOf(engine, x)) seen.add(code);
            compare(packed, x, 1, `weights ${fill}, k ${k}`);
          }
        }
      }
      const highest = engine === 'qnnpack' ? 255 : 128;
      assert.ok(
        [0, 127, highest].every((code) => seen.has(code)),
        'the extreme codes occur',
      );
    });

    it(`dynamic linear, ${engine}, values on the middle between two codes`, () => {
      const bias = Float32Array.of(0, 1, -1e-30, 1e-38, 5e-39);
      const packed = {
        ...extreme(
          engine,
          Int8Array.from({ length: 5 * 64 }, (_, i) => (i % 7) - 3),
          5,
          64,
        ),
        bias,
      };
      const x = Float32Array.from({ length: 64 }, (_, i) => i - 31.5);
      for (const step of [1, 0.5, 0.25, 1 / 3])
        compare(
          packed,
          x.map((value) => value * step),
          1,
          `step ${step}`,
        );
    });
  }

  it('large codes side by side, from none to all: those that pairs cannot be added with wait, too many turn that off', () => {
    const random = gaussian(17);
    for (const k of [64, 72, 127, 200, 1023]) {
      for (const m of [1, 2, 3, 5]) {
        const packed = packLinear(
          { module: '', name: 'w', bias: random(33), engine: 'fbgemm' },
          random(33 * k),
          [33, k],
          'per_tensor',
        );
        for (const every of [1, 4, 8, 16, 40, 200]) {
          const large = (i: number) => Math.floor(i / 8) % every === 0 && i % 8 < 6;
          const x = random(m * k).map((value, i) => (large(i) ? (i % 2 === 0 ? 9 : -9) : value));
          compare(packed, x, m, `${m} × ${k}, large in every ${every}th block`);
        }
      }
    }
  });

  it('float products, every awkward length, kept and not', () => {
    const random = gaussian(5);
    for (const k of [...lengths, 512, 513, 1024, 1537]) {
      for (const [m, n] of [
        [1, 1],
        [1, 6],
        [2, 5],
        [5, 19],
      ]) {
        const [x, weight, bias] = [random(m * k), random(n * k), k % 2 === 0 ? undefined : random(n)];
        const expected = new Float32Array(m * n);
        referenceKernels.gemmFloat(x, weight, bias, m, n, k, expected);
        for (const [name, set] of kernels) {
          for (const keep of [false, true]) {
            const out = new Float32Array(m * n);
            set.gemmFloat(x, weight, bias, m, n, k, out, keep);
            assertSameBits(out, expected, `${name}, ${m} × ${n} × ${k}, keep ${keep}`);
          }
        }
      }
    }
  });

  it('products with more rows than stay in the cache', () => {
    const random = gaussian(9);
    const [m, n, k] = [5000, 3, 700];
    const [x, weight, bias] = [random(m * k), random(n * k), random(n)];
    compare(packLinear({ module: '', name: 'w', bias, engine: 'fbgemm' }, weight, [n, k], 'per_tensor'), x, m, 'int8');
    const run = (set: Kernels) => {
      const out = new Float32Array(m * n);
      set.gemmFloat(x, weight, bias, m, n, k, out);
      return out;
    };
    const expected = run(referenceKernels);
    for (const [name, set] of kernels) assertSameBits(run(set), expected, name);
  });

  it('float products in float32 stay as near to the sum in double as PyTorch’s', () => {
    const random = gaussian(6);
    for (const k of [64, 1024, 4096]) {
      const [x, weight, out] = [random(k), random(16 * k).map((v) => v / Math.sqrt(k)), new Float32Array(16)];
      referenceKernels.gemmFloat(x, weight, undefined, 1, 16, k, out);
      for (let channel = 0; channel < 16; channel++) {
        let sum = 0;
        for (let i = 0; i < k; i++) sum += x[i] * weight[channel * k + i];
        assert.ok(Math.abs(out[channel] - sum) < 1e-6, `k ${k}: ${out[channel]} and ${sum}`);
      }
    }
  });

  it('NaN in an activation is an error, whichever kernels run', () => {
    const packed = packLinear(
      { module: '', name: 'w', bias: undefined, engine: 'fbgemm' },
      new Float32Array(64).fill(1),
      [4, 16],
      'per_tensor',
    );
    for (const at of [0, 7, 15]) {
      const x = new Float32Array(16).fill(1);
      x[at] = Number.NaN;
      for (const [name, set] of kernels) {
        const run = () => dynamicLinear(packed, x, 1, { kernels: set, abort: neverAborted }, 0, 0);
        assert.throws(run, /min should be less than or equal to max/, name);
      }
    }
  });
});

function extreme(engine: PackedLinear['engine'], codes: Int8Array, rows: number, columns: number): PackedLinear {
  const weight = {
    scheme: 'per_tensor' as const,
    axis: null,
    rows,
    columns,
    codes,
    scales: Float64Array.of(0.5),
    zeroPoints: Int32Array.of(0),
  };
  return { module: '', name: 'w', weight, bias: undefined, engine };
}

/** Constant and alternating values whose codes are the ends of the range; −0.5 … 126.6 rounds 127 up to 128. */
function extremeInputs(k: number): Float32Array[] {
  const fill = (value: (i: number) => number) => Float32Array.from({ length: k }, (_, i) => value(i));
  return [
    fill(() => 3),
    fill(() => -3),
    fill(() => 0),
    fill((i) => (i % 2 === 0 ? 1 : -1)),
    fill((i) => [-1, 1, 0, -1 / 127.5][i % 4]),
    fill((i) => (i === 0 ? -0.5 : 126.5)),
    fill((i) => (i === 0 ? -1.5 : 125.5)),
  ];
}

function codesOf(engine: PackedLinear['engine'], x: Float32Array): Uint8Array {
  const semantics = engineSemantics[engine];
  const { min, max } = observeRange(x);
  const { scale, zeroPoint } = chooseQParams(min, max, semantics.reduceRange);
  const codes = new Uint8Array(x.length);
  referenceKernels.quantizeActivation(x, scale, zeroPoint, semantics, codes);
  return codes;
}
