import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import type { ActivationForm } from '../../src/engine/nn/activations';
import type { ModuleInputs } from '../../src/engine/nn/module';
import { Recurrent } from '../../src/engine/nn/recurrent';
import { RecurrentCell } from '../../src/engine/nn/recurrentCells';
import type { QuantizedEngine } from '../../src/engine/quantization/engines';
import { Generator } from '../../src/engine/random/generator';
import { initCell, initRecurrent, type RecurrentMode } from '../../src/engine/random/initialize';
import { type FloatTensor, floatTensor, type Tensor } from '../../src/engine/tensor/tensor';
import { digest, engineOf } from './checkGoldens';
import type { Goldens, RecurrentCase, TorchBuild } from './goldens';

/** Runs a dynamic module of the goldens: every output, one after the other. */
type Run = (engine: QuantizedEngine, activations: ActivationForm) => Float32Array[];

const base = { kernels: selectKernels(), abort: neverAborted };

/** `recurrent_outputs` of goldens.py. */
function runRecurrent(
  { mode, input, hidden, layers, bidirectional, batchFirst, steps, batch, hx, lengths }: RecurrentCase,
  seed: number,
): Run {
  const generator = new Generator(seed);
  const sizes = { inputSize: input, hiddenSize: hidden, numLayers: layers, projSize: 0 };
  const options = { ...sizes, bias: true, bidirectional, batchFirst };
  const float = new Recurrent(mode, options, initRecurrent(generator, mode, options));
  const x = generator.randn(batchFirst ? [batch, steps, input] : [steps, batch, input]);
  const stateShape = [layers * (bidirectional ? 2 : 1), batch, hidden];
  const states = Array.from({ length: mode === 'LSTM' ? 2 : 1 }, () => generator.randn(stateShape));
  const given = hx ? states : states.map(() => undefined);
  const inputs: ModuleInputs = lengths === null ? [x, ...given] : packed(x, lengths, given);
  return (engine, activations) =>
    float
      .toDynamic('rnn', engine, 'per_tensor')
      .forward(inputs, { ...base, activations })
      .map(({ data }) => data);
}

/** pack_padded_sequence of x [steps, batch, in] with falling lengths: only the rows that are still running. */
function packed(
  { data, shape: [steps, batch, width] }: FloatTensor,
  lengths: readonly number[],
  states: readonly (FloatTensor | undefined)[],
): ModuleInputs {
  const running = Array.from({ length: steps }, (_, t) => lengths.filter((length) => length > t).length);
  const rows = running.flatMap((count, t) => [...data.subarray(t * batch * width, (t * batch + count) * width)]);
  const sizes: Tensor = { dtype: 'int64', shape: [steps], data: BigInt64Array.from(running, BigInt) };
  return [floatTensor(Float32Array.from(rows), [rows.length / width, width]), ...states, sizes];
}

/** `cell_outputs` of goldens.py. */
function runCell(mode: RecurrentMode, nonlinearity: 'tanh' | 'relu', seed: number): Run {
  const generator = new Generator(seed);
  const options = { inputSize: 11, hiddenSize: 19, nonlinearity };
  const float = new RecurrentCell(mode, options, initCell(generator, mode, 11, 19));
  const x = generator.randn([5, 11]);
  const states = Array.from({ length: mode === 'LSTM' ? 2 : 1 }, () => generator.randn([5, 19]));
  return (engine, activations) =>
    float
      .toDynamic('cell', engine, 'per_tensor')
      .forward([x, ...states], { ...base, activations })
      .map(({ data }) => data);
}

const cells = [
  ['LSTMCell', 'LSTM', 'tanh'],
  ['GRUCell', 'GRU', 'tanh'],
  ['RNNCell', 'RNN', 'tanh'],
  ['RNNCell relu', 'RNN', 'relu'],
] as const;

/** Every case by its label, ready to run. */
function recurrentRuns({ seed, recurrent }: Goldens): Map<string, Run> {
  const runs = new Map<string, Run>();
  for (const [i, one] of recurrent.cases.entries()) runs.set(`${one.mode} ${i % 10}`, runRecurrent(one, seed + i));
  for (const [i, [label, mode, kind]] of cells.entries()) runs.set(label, runCell(mode, kind, seed + 100 + i));
  return runs;
}

/** With SLEEF's activations the bits are those of a PyTorch without MKL. */
export function checkRecurrentBits(build: TorchBuild, answers: () => Goldens): void {
  for (const engine of build.engines) {
    it(`dynamic LSTM, GRU and cells, ${engine}`, () => {
      const goldens = answers();
      const outputs = [...recurrentRuns(goldens)].map(([label, run]) => [
        label,
        digest(run(engineOf(engine, build), 'sleef')),
      ]);
      assert.deepEqual(Object.fromEntries(outputs), goldens.recurrent.engines[engine]);
    });
  }
}

/** Portable activations differ from every PyTorch's by an ulp or two; what they do to the outputs. */
export const portableTolerance = 2.4e-7;

/** The portable form against values, by engine and label: of a PyTorch, or of the other form. */
export function checkRecurrentValues(
  build: TorchBuild,
  answers: () => Goldens,
  valuesOf: (engine: string, label: string) => ArrayLike<number>,
): void {
  for (const engine of build.engines) {
    it(`dynamic LSTM, GRU and cells within ${portableTolerance} in portable form, ${engine}`, () => {
      for (const [label, run] of recurrentRuns(answers())) {
        const actual = run(engineOf(engine, build), 'portable').flatMap((data) => [...data]);
        const expected = valuesOf(engine, label);
        assert.equal(actual.length, expected.length);
        const worst = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
        assert.ok(worst <= portableTolerance, `${label}: ${worst}`);
      }
    });
  }
}

/** What the sleef form gives, whose bits checkRecurrentBits compares. */
export function sleefValues(build: TorchBuild, goldens: Goldens): (engine: string, label: string) => number[] {
  const runs = recurrentRuns(goldens);
  return (engine, label) => {
    const run = runs.get(label) ?? assert.fail(label);
    return run(engineOf(engine, build), 'sleef').flatMap((data) => [...data]);
  };
}
