import { gateCount, type RecurrentMode } from '../random/initialize';
import { type Maker, type Makers, parameter } from './parts';
import { Recurrent } from './recurrent';
import { RecurrentCell } from './recurrentCells';

/** Sizes are read off the parameters, which hold them in any case; the attributes say the rest. */
const recurrent =
  (mode: RecurrentMode): Maker =>
  (parts) => {
    const { attributes, parameters } = parts;
    const [rows, inputSize] = parameter(parts, 'weight_ih_l0', 2).shape;
    let numLayers = 1;
    while (parameters.has(`weight_ih_l${numLayers}`)) numLayers++;
    return new Recurrent(
      mode,
      {
        inputSize,
        hiddenSize: rows / gateCount[mode],
        numLayers,
        bias: parameters.has('bias_ih_l0'),
        bidirectional: parameters.has('weight_ih_l0_reverse'),
        projSize: parameters.get('weight_hr_l0')?.shape[0] ?? 0,
        batchFirst: attributes.flag('batch_first', false),
        nonlinearity: nonlinearity(attributes.text('nonlinearity', attributes.text('mode', 'tanh'))),
      },
      parameters,
    );
  };

const cell =
  (mode: RecurrentMode): Maker =>
  (parts) => {
    const [rows, inputSize] = parameter(parts, 'weight_ih', 2).shape;
    const options = {
      inputSize,
      hiddenSize: rows / gateCount[mode],
      nonlinearity: nonlinearity(parts.attributes.text('nonlinearity', 'tanh')),
    };
    return new RecurrentCell(mode, options, parts.parameters);
  };

/** nn.RNN says it in its mode, RNN_TANH or RNN_RELU. */
function nonlinearity(text: string): 'tanh' | 'relu' {
  return /relu$/i.test(text) ? 'relu' : 'tanh';
}

export const recurrentMakers: Makers = [
  ['LSTM', recurrent('LSTM')],
  ['GRU', recurrent('GRU')],
  ['RNN', recurrent('RNN')],
  ['LSTMCell', cell('LSTM')],
  ['GRUCell', cell('GRU')],
  ['RNNCell', cell('RNN')],
];
