import { invalid } from '../../../core/errors';
import { Recurrent } from '../../nn/recurrent';
import { type FloatTensor, int64Tensor } from '../../tensor/tensor';
import type { Run } from '../interpreter/run';
import { numberOf } from '../values/promotion';
import { dense, emptyTensor, type StridedTensor } from '../values/stridedTensor';
import { type PyFloat, PyTuple } from '../values/values';
import { cat } from './joining';
import { engineTensor, fromEngine, twinOfRunning } from './quantizable';
import { select, slice, transpose } from './shape';
import { define } from './table';

/** LSTM, GRU and RNN over sequences, padded or packed. */

interface Layers {
  readonly params: readonly StridedTensor[];
  readonly hasBiases: boolean;
  readonly numLayers: number;
  readonly bidirectional: boolean;
}

type Mode = 'LSTM' | 'GRU' | 'RNN_TANH' | 'RNN_RELU';
const gates: Readonly<Record<Mode, number>> = { LSTM: 4, GRU: 3, RNN_TANH: 1, RNN_RELU: 1 };

/** The engine's module for a list of flat weights, in the order of PyTorch's `_flat_weights`. */
function engineModule(run: Run, mode: Mode, { params, hasBiases, numLayers, bidirectional }: Layers): Recurrent {
  const directions = bidirectional ? 2 : 1;
  const groups = params.length / (numLayers * directions);
  const names = ['weight_ih', 'weight_hh', ...(hasBiases ? ['bias_ih', 'bias_hh'] : []), 'weight_hr'];
  const parameters = new Map<string, FloatTensor>();
  for (const [i, tensor] of params.entries()) {
    const set = Math.floor(i / groups);
    const suffix = `_l${Math.floor(set / directions)}${set % directions === 1 ? '_reverse' : ''}`;
    parameters.set(`${names[i % groups]}${suffix}`, engineTensor(run, tensor));
  }
  const hasProjection = groups === (hasBiases ? 5 : 3);
  const [ih, hh] = params;
  const options = {
    inputSize: ih.shape[1],
    hiddenSize: ih.shape[0] / gates[mode],
    numLayers,
    bias: hasBiases,
    bidirectional,
    projSize: hasProjection ? hh.shape[1] : 0,
    nonlinearity: mode === 'RNN_RELU' ? ('relu' as const) : ('tanh' as const),
  };
  return new Recurrent(mode === 'LSTM' || mode === 'GRU' ? mode : 'RNN', options, parameters);
}

/** One pass over [steps, batch, in], or over packed data with its batch sizes; states [layers · directions, batch, width]. */
function sequence(
  run: Run,
  mode: Mode,
  x: StridedTensor,
  hx: readonly StridedTensor[],
  layers: Layers,
  batchSizes?: StridedTensor,
): StridedTensor[] {
  const { params, numLayers, bidirectional, hasBiases } = layers;
  if (x.type !== 'float32' || params.some(({ type }) => type !== 'float32')) {
    throw invalid('E_DTYPE', `${mode} runs in float32 only here, not ${x.dtype}.`);
  }
  const groups = params.length / (numLayers * (bidirectional ? 2 : 1));
  if (![2, 3, 4, 5].includes(groups) || groups < (hasBiases ? 4 : 2)) {
    throw invalid('E_RUN_SHAPE', `${mode}: ${params.length} weights do not fit ${numLayers} layers`);
  }
  const rows = batchSizes === undefined ? x.shape[0] * (x.shape[1] ?? 1) : x.shape[0];
  run.budget.compute(rows * params.reduce((sum, { count }) => sum + count, 0));
  const float = () => engineModule(run, mode, layers);
  const module = twinOfRunning(run, float) ?? float();
  const inputs = [x, ...hx].map((one) => engineTensor(run, one));
  const sizes = batchSizes && int64Tensor(dense(run.budget, batchSizes), batchSizes.shape);
  return module.forward(sizes === undefined ? inputs : [...inputs, sizes], run).map(fromEngine);
}

/** Padded input: [steps, batch, in], or [batch, steps, in] with batch_first. */
function padded(
  run: Run,
  mode: Mode,
  x: StridedTensor,
  hx: StridedTensor[],
  layers: Layers,
  batchFirst: boolean,
): PyTuple {
  const [output, ...last] = sequence(run, mode, batchFirst ? transpose(x, 0, 1) : x, hx, layers);
  return new PyTuple([batchFirst ? transpose(output, 0, 1) : output, ...last]);
}

for (const [name, mode] of [
  ['lstm', 'LSTM'],
  ['gru', 'GRU'],
  ['rnn_tanh', 'RNN_TANH'],
  ['rnn_relu', 'RNN_RELU'],
] as const) {
  const hx = name === 'lstm' ? 'Tensor[] hx' : 'Tensor hx';
  define(
    `${name}(Tensor input, ${hx}, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first)`,
    (
      run,
      x: StridedTensor,
      h: StridedTensor[] | StridedTensor,
      params: StridedTensor[],
      hasBiases: boolean,
      numLayers: number,
      _dropout: number,
      _train: boolean,
      bidirectional: boolean,
      batchFirst: boolean,
    ) => padded(run, mode, x, [h].flat(), { params, hasBiases, numLayers, bidirectional }, batchFirst),
  );
  define(
    `${name}(Tensor data, Tensor batch_sizes, ${hx}, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional)`,
    (
      run,
      data: StridedTensor,
      sizes: StridedTensor,
      h: StridedTensor[] | StridedTensor,
      params: StridedTensor[],
      hasBiases: boolean,
      numLayers: number,
      _dropout: number,
      _train: boolean,
      bidirectional: boolean,
    ) => new PyTuple(sequence(run, mode, data, [h].flat(), { params, hasBiases, numLayers, bidirectional }, sizes)),
  );
}

/** Rows of all sequences that are still running, step by step. */
define(
  '_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first)',
  (run, given: StridedTensor, lengths: StridedTensor, batchFirst: boolean) => {
    const x = batchFirst ? transpose(given, 0, 1) : given;
    const all = [...dense(run.budget, lengths)];
    if (all.some((length, i) => !(length > 0 && length <= x.shape[0]) || (i > 0 && length > all[i - 1]))) {
      throw invalid(
        'E_RUN_SHAPE',
        '`lengths` array must be sorted in decreasing order, positive and at most the number of steps.',
      );
    }
    const sizes = Array.from({ length: all[0] }, (_, t) => all.filter((length) => length > t).length);
    const rows = sizes.map((size, t) => slice(select(x, 0, t), 0, 0, size, 1));
    const batchSizes = emptyTensor(run.budget, 'int64', [sizes.length]);
    batchSizes.storage.data.set(sizes);
    return new PyTuple([cat(run, rows, 0), batchSizes]);
  },
);
define(
  '_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, number padding_value, int total_length)',
  (
    run,
    data: StridedTensor,
    batchSizes: StridedTensor,
    batchFirst: boolean,
    value: number | PyFloat,
    total: number,
  ) => {
    const sizes = [...dense(run.budget, batchSizes)];
    if (total > 0 && total < sizes.length) {
      throw invalid(
        'E_RUN_SHAPE',
        `Expected total_length to be at least the length of the longest sequence in input, but got total_length=${total} and max sequence length being ${sizes.length}`,
      );
    }
    const steps = Math.max(total, sizes.length);
    const out = emptyTensor(run.budget, data.type, [steps, sizes[0], ...data.shape.slice(1)]);
    out.storage.data.fill(numberOf(value));
    const values = dense(run.budget, data);
    const width = data.count / Math.max(data.shape[0], 1);
    let row = 0;
    for (const [t, size] of sizes.entries()) {
      out.storage.data.set(values.subarray(row * width, (row + size) * width), t * sizes[0] * width);
      row += size;
    }
    const lengths = emptyTensor(run.budget, 'int64', [sizes[0]]);
    for (let b = 0; b < sizes[0]; b++) lengths.storage.data[b] = sizes.filter((size) => size > b).length;
    return new PyTuple([batchFirst ? transpose(out, 0, 1) : out, lengths]);
  },
);
