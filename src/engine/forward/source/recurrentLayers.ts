import { invalid } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { emptyTensor, type StridedTensor } from '../values/stridedTensor';
import { PyFloat, PyList, type PyObject, PyTuple, type Value } from '../values/values';
import { type Config, int, isTensor, layer, operate, parameter } from './layer';
import { stateOf } from './moduleClass';

/** LSTM, GRU and RNN over sequences, packed ones too, and their cells. */

const gateCount: Readonly<Record<string, number>> = { LSTM: 4, GRU: 3, RNN: 1 };

/** More layers are a typing error. */
const maxLayers = 1_000;

for (const name of ['LSTM', 'GRU', 'RNN']) {
  const nonlinearity = name === 'RNN' ? ', str nonlinearity="tanh"' : '';
  const projection = name === 'LSTM' ? ', int proj_size=0' : '';
  layer(name, {
    parameters: `int input_size, int hidden_size, int num_layers=1${nonlinearity}, bool bias=True, bool batch_first=False, float dropout=0, bool bidirectional=False${projection}`,
    tensors: (config) => shapes(name, config),
    forward: (run, self, [x, hx], config) => recurrent(run, self, name, x, hx ?? null, config),
  });
  layer(`${name}Cell`, {
    parameters: `int input_size, int hidden_size, bool bias=True${nonlinearity}`,
    tensors: ({ input_size: i, hidden_size: h, bias }) => {
      const rows = gateCount[name] * int(h);
      const shift = bias === false ? null : [rows];
      return { weight_ih: [rows, int(i)], weight_hh: [rows, int(h)], bias_ih: shift, bias_hh: shift };
    },
    forward: (run, self, [x, hx], config) => cell(run, self, name, x, hx ?? null, config),
  });
}

function shapes(name: string, config: Config): Record<string, readonly number[]> {
  const [hidden, layers] = [int(config.hidden_size), int(config.num_layers)];
  const projection = config.proj_size === undefined ? 0 : int(config.proj_size);
  const width = projection || hidden;
  const directions = config.bidirectional === true ? ['', '_reverse'] : [''];
  if (!(layers > 0 && layers <= maxLayers))
    throw invalid('E_RUN_ARGUMENT', `${name} with ${layers} layers is not made.`);
  const result: Record<string, readonly number[]> = {};
  const rows = gateCount[name] * hidden;
  for (let k = 0; k < layers; k++) {
    for (const direction of directions) {
      const suffix = `_l${k}${direction}`;
      result[`weight_ih${suffix}`] = [rows, k === 0 ? int(config.input_size) : width * directions.length];
      result[`weight_hh${suffix}`] = [rows, width];
      if (config.bias !== false) {
        result[`bias_ih${suffix}`] = [rows];
        result[`bias_hh${suffix}`] = [rows];
      }
      if (projection > 0) result[`weight_hr${suffix}`] = [projection, hidden];
    }
  }
  return result;
}

/** One call of the recurrent operator, with the states that PyTorch would start from. */
function recurrent(run: Run, self: PyObject, name: string, given: Value, hx: Value, config: Config): Value {
  const packed = given instanceof PyTuple && given.typeName === 'PackedSequence';
  if (!packed && !isTensor(given))
    throw invalid('E_RUN_TYPE', `${name}: the input must be a tensor or a PackedSequence`);
  const batchFirst = config.batch_first === true && !packed;
  const single = isTensor(given) && given.rank === 2;
  const lift = (value: Value, dim: number) => (single ? operate(run, 'torch', 'unsqueeze', [value, dim]) : value);
  const drop = (value: Value, dim: number) => (single ? operate(run, 'torch', 'squeeze', [value, dim]) : value);
  const [data, batchSizes, sorted, unsorted] = packed
    ? given.items
    : [lift(given, batchFirst ? 0 : 1), null, null, null];
  const permuted = (value: Value, order: Value) =>
    order === null ? value : operate(run, 'torch', 'index_select', [value, 1, order]);
  const x = data as StridedTensor;
  const batch = isTensor(batchSizes) ? batchSizes.storage.data[batchSizes.offset] : x.shape[batchFirst ? 0 : 1];
  const states = (
    hx instanceof PyTuple || hx instanceof PyList
      ? hx.items
      : hx === null
        ? zeroStates(run, name, config, x, batch)
        : [hx]
  ).map((one) => permuted(hx === null ? one : lift(one, 1), sorted));
  const first = name === 'LSTM' ? new PyList(states) : states[0];
  const weights = new PyList([...stateOf(self).parameters.values()]);
  const common: Value[] = [weights, config.bias, config.num_layers, new PyFloat(0), false, config.bidirectional];
  const operator = name === 'RNN' ? `rnn_${config.nonlinearity as string}` : name.toLowerCase();
  const args = packed ? [x, batchSizes, first, ...common] : [x, first, ...common, batchFirst];
  const [output, ...last] = (operate(run, 'torch', operator, args) as PyTuple).items;
  const ends = last.map((one) => drop(permuted(one, unsorted), 1));
  const result = packed
    ? new PyTuple([output, batchSizes, sorted, unsorted], given.names, 'PackedSequence')
    : drop(output, batchFirst ? 0 : 1);
  return new PyTuple([result, name === 'LSTM' ? new PyTuple(ends) : ends[0]]);
}

function zeroStates(run: Run, name: string, config: Config, { type }: StridedTensor, batch: number): Value[] {
  const states = int(config.num_layers) * (config.bidirectional === true ? 2 : 1);
  const hidden = int(config.hidden_size);
  const width = config.proj_size === undefined ? hidden : int(config.proj_size) || hidden;
  const h = emptyTensor(run.budget, type, [states, batch, width]);
  return name === 'LSTM' ? [h, emptyTensor(run.budget, type, [states, batch, hidden])] : [h];
}

function cell(run: Run, self: PyObject, name: string, given: Value, hx: Value, config: Config): Value {
  const single = isTensor(given) && given.rank === 1;
  const lift = (value: Value) => (single ? operate(run, 'torch', 'unsqueeze', [value, 0]) : value);
  const drop = (value: Value) => (single ? operate(run, 'torch', 'squeeze', [value, 0]) : value);
  const x = lift(given) as StridedTensor;
  const zeros = () => emptyTensor(run.budget, x.type, [x.shape[0], int(config.hidden_size)]);
  const state =
    hx instanceof PyTuple
      ? hx.items.map(lift)
      : hx === null
        ? name === 'LSTM'
          ? [zeros(), zeros()]
          : [zeros()]
        : [lift(hx)];
  const weights = ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'].map((key) => parameter(self, key));
  const operator = name === 'RNN' ? `rnn_${config.nonlinearity as string}_cell` : `${name.toLowerCase()}_cell`;
  const result = operate(run, 'torch', operator, [x, name === 'LSTM' ? new PyTuple(state) : state[0], ...weights]);
  return result instanceof PyTuple ? new PyTuple(result.items.map(drop)) : drop(result);
}
