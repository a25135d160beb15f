import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { portableSigmoid, portableTanh } from '../../src/engine/kernels/reference/portableActivations';
import { referenceKernels } from '../../src/engine/kernels/reference/referenceKernels';
import { Recurrent } from '../../src/engine/nn/recurrent';
import { type FloatTensor, floatTensor } from '../../src/engine/tensor/tensor';
import { assertSameBits, ulps } from '../support/floatBits';
import { everyKernels } from '../support/kernels';
import { gaussian } from '../support/random';

type Random = ReturnType<typeof gaussian>;

interface Shape {
  readonly mode: 'LSTM' | 'GRU';
  readonly hidden: number;
  readonly layers: number;
  readonly bidirectional: boolean;
}

const inputSize = 5;

function recurrent({ mode, hidden, layers, bidirectional }: Shape, random: Random): Recurrent {
  const rows = (mode === 'LSTM' ? 4 : 3) * hidden;
  const parameters = new Map<string, FloatTensor>();
  for (let layer = 0; layer < layers; layer++) {
    for (const suffix of bidirectional ? ['', '_reverse'] : ['']) {
      const columns = layer === 0 ? inputSize : hidden * (bidirectional ? 2 : 1);
      const shapes = { weight_ih: [rows, columns], weight_hh: [rows, hidden], bias_ih: [rows], bias_hh: [rows] };
      for (const [name, shape] of Object.entries(shapes)) {
        const count = shape.reduce((product, size) => product * size, 1);
        parameters.set(
          `${name}_l${layer}${suffix}`,
          floatTensor(
            random(count).map((v) => v * 0.4),
            shape,
          ),
        );
      }
    }
  }
  const options = { inputSize, hiddenSize: hidden, numLayers: layers, bidirectional, projSize: 0 };
  return new Recurrent(mode, { ...options, bias: true, batchFirst: false, nonlinearity: 'tanh' }, parameters);
}

const kernels = everyKernels();

describe('a layer in one call of the kernels gives the bits of its steps', () => {
  for (const mode of ['LSTM', 'GRU'] as const) {
    for (const hidden of [1, 3, 4, 7, 8, 17, 65, 129]) {
      it(`${mode}, ${hidden} units, both directions, two layers, batches of 1 and 3`, function () {
        this.timeout(20_000);
        const random = gaussian(hidden);
        for (const [bidirectional, batch] of [
          [false, 1],
          [false, 3],
          [true, 3],
        ] as const) {
          const float = recurrent({ mode, hidden, layers: 2, bidirectional }, random);
          const states = 2 * (bidirectional ? 2 : 1);
          const state = () => floatTensor(random(states * batch * hidden), [states, batch, hidden]);
          const x = floatTensor(random(6 * batch * inputSize), [6, batch, inputSize]);
          const inputs = mode === 'LSTM' ? [x, state(), state()] : [x, state()];
          const modules = {
            float,
            fbgemm: float.toDynamic('', 'fbgemm', 'per_tensor'),
            onednn: float.toDynamic('', 'onednn', 'per_channel'),
            qnnpack: float.toDynamic('', 'qnnpack', 'per_tensor'),
          };
          for (const [kind, module] of Object.entries(modules)) {
            const expected = module.forward(inputs, { kernels: referenceKernels, abort: neverAborted });
            for (const [name, set] of kernels) {
              const outputs = module.forward(inputs, { kernels: set, abort: neverAborted });
              for (const [i, { data }] of outputs.entries()) {
                assertSameBits(data, expected[i].data, `${name}, ${kind}, output ${i}`);
              }
            }
          }
        }
      });
    }
  }

  it('looks at the abort flag between steps', () => {
    const module = recurrent({ mode: 'LSTM', hidden: 8, layers: 1, bidirectional: false }, gaussian(1));
    const x = floatTensor(new Float32Array(10 * inputSize), [10, 1, inputSize]);
    const abort = {
      throwIfAborted() {
        throw new Error('stopped');
      },
    };
    for (const set of kernels.values()) assert.throws(() => module.forward([x], { kernels: set, abort }), /stopped/);
  });
});

describe('the portable σ and tanh', () => {
  const values = sweep();

  it('σ is within 2 ulp of the exact value, tanh within 1', () => {
    for (const x of values) {
      // Where exp(−x) leaves float32, σ is 0, as in PyTorch.
      const exact = x < -88.73 ? 0 : Math.fround(1 / (1 + Math.exp(-x)));
      assert.ok(ulps(portableSigmoid(x), exact) <= 2, `σ(${x})`);
      assert.ok(ulps(portableTanh(x), Math.fround(Math.tanh(x))) <= 1, `tanh(${x})`);
    }
  });

  it('their ends: 0, ±∞, NaN', () => {
    assert.deepEqual([0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(portableTanh), [0, -0, 1, -1]);
    assert.deepEqual([0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(portableSigmoid), [0.5, 1, 0]);
    assert.ok(Number.isNaN(portableTanh(Number.NaN)) && Number.isNaN(portableSigmoid(Number.NaN)));
  });
});

/** Every exponent of float32 that matters, both signs, eight mantissas each. */
function sweep(): Float32Array {
  const values: number[] = [];
  for (let exponent = -40; exponent < 7; exponent++) {
    for (let i = 0; i < 64; i++) values.push((1 + (i + 0.37) / 64) * 2 ** exponent);
  }
  return Float32Array.from([...values, ...values.map((x) => -x)]);
}
