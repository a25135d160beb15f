import { RecurrentCell } from '../../nn/recurrentCells';
import type { FloatTensor } from '../../tensor/tensor';
import type { Run } from '../interpreter/run';
import { mapElements } from '../values/elementwise';
import { sigmoid } from '../values/functions';
import { unary } from '../values/loops';
import type { StridedTensor } from '../values/stridedTensor';
import { PyList, PyTuple, type Value } from '../values/values';
import { tensorArithmetic } from './arithmetic';
import { chunk } from './joining';
import { linear } from './matrix';
import { engineTensor, fromEngine, isOwn, twinOfRunning } from './quantizable';
import { define } from './table';

/** LSTMCell, GRUCell and RNNCell: one step; float by its formula, int8 by the dynamic twin of the running module. */

type Optional = StridedTensor | null;
type Mode = 'LSTM' | 'GRU' | 'RNN_TANH' | 'RNN_RELU';

const states = (hx: Value): StridedTensor[] =>
  (hx instanceof PyList || hx instanceof PyTuple ? hx.items : [hx]) as StridedTensor[];

/** The step of a cell that the spec swapped: its new states; undefined where it stays float. */
function cellTwin(
  run: Run,
  mode: Mode,
  x: StridedTensor,
  state: readonly StridedTensor[],
  wih: StridedTensor,
  whh: StridedTensor,
  bih: Optional,
  bhh: Optional,
): StridedTensor[] | undefined {
  if (x.type !== 'float32') return undefined;
  const twin = twinOfRunning(run, () => {
    const given = { weight_ih: wih, weight_hh: whh, bias_ih: bih, bias_hh: bhh };
    const parameters = new Map<string, FloatTensor>();
    for (const [name, tensor] of Object.entries(given)) {
      if (tensor !== null) parameters.set(name, engineTensor(run, tensor));
    }
    const options = {
      inputSize: wih.shape[1],
      hiddenSize: whh.shape[1],
      nonlinearity: mode === 'RNN_RELU' ? ('relu' as const) : ('tanh' as const),
    };
    return new RecurrentCell(mode === 'LSTM' || mode === 'GRU' ? mode : 'RNN', options, parameters);
  });
  if (twin === undefined) return undefined;
  run.budget.compute(x.shape[0] * (wih.count + whh.count));
  return twin
    .forward(
      [x, ...state].map((one) => engineTensor(run, one)),
      run,
    )
    .map(fromEngine);
}

/** One of the products of a cell that stays float; weights of the running module are packed once. */
function product(run: Run, x: StridedTensor, weight: StridedTensor, bias: Optional): StridedTensor {
  return linear(run, x, weight, bias, isOwn(run.modules.at(-1), weight));
}

function rnnCell(
  run: Run,
  mode: 'RNN_TANH' | 'RNN_RELU',
  x: StridedTensor,
  h: StridedTensor,
  wih: StridedTensor,
  whh: StridedTensor,
  bih: Optional,
  bhh: Optional,
): StridedTensor {
  const twin = cellTwin(run, mode, x, [h], wih, whh, bih, bhh);
  if (twin !== undefined) return twin[0];
  const sum = tensorArithmetic(run, 'add', product(run, x, wih, bih), product(run, h, whh, bhh));
  if (mode === 'RNN_TANH') return mapElements(run, sum, sum.type, Math.tanh, unary.tanh);
  return mapElements(run, sum, sum.type, (v) => (v < 0 ? 0 : v), unary.relu);
}

const cellArguments = 'Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None';
define(
  `lstm_cell(Tensor input, any hx, ${cellArguments})`,
  (run, x: StridedTensor, hx: Value, wih: StridedTensor, whh: StridedTensor, bih: Optional, bhh: Optional) => {
    const [h, c] = states(hx);
    const twin = cellTwin(run, 'LSTM', x, [h, c], wih, whh, bih, bhh);
    if (twin !== undefined) return new PyTuple(twin);
    const sum = tensorArithmetic(run, 'add', product(run, x, wih, bih), product(run, h, whh, bhh));
    const [i, f, g, o] = chunk(run, sum, 4, -1);
    const gate = (gateInput: StridedTensor) => mapElements(run, gateInput, sum.type, sigmoid, unary.sigmoid);
    const tanh = (value: StridedTensor) => mapElements(run, value, sum.type, Math.tanh, unary.tanh);
    const kept = tensorArithmetic(run, 'mul', gate(f), c);
    const next = tensorArithmetic(run, 'add', kept, tensorArithmetic(run, 'mul', gate(i), tanh(g)));
    return new PyTuple([tensorArithmetic(run, 'mul', gate(o), tanh(next)), next]);
  },
);
define(
  `gru_cell(Tensor input, Tensor hx, ${cellArguments})`,
  (run, x: StridedTensor, h: StridedTensor, wih: StridedTensor, whh: StridedTensor, bih: Optional, bhh: Optional) => {
    const twin = cellTwin(run, 'GRU', x, [h], wih, whh, bih, bhh);
    if (twin !== undefined) return twin[0];
    const [xr, xz, xn] = chunk(run, product(run, x, wih, bih), 3, -1);
    const [hr, hz, hn] = chunk(run, product(run, h, whh, bhh), 3, -1);
    const gate = (a: StridedTensor, b: StridedTensor) =>
      mapElements(run, tensorArithmetic(run, 'add', a, b), x.type, sigmoid, unary.sigmoid);
    const n = mapElements(
      run,
      tensorArithmetic(run, 'add', xn, tensorArithmetic(run, 'mul', gate(xr, hr), hn)),
      x.type,
      Math.tanh,
      unary.tanh,
    );
    return tensorArithmetic(
      run,
      'add',
      n,
      tensorArithmetic(run, 'mul', gate(xz, hz), tensorArithmetic(run, 'sub', h, n)),
    );
  },
);
for (const [name, mode] of [
  ['rnn_tanh_cell', 'RNN_TANH'],
  ['rnn_relu_cell', 'RNN_RELU'],
] as const) {
  define(
    `${name}(Tensor input, Tensor hx, ${cellArguments})`,
    (run, x: StridedTensor, h: StridedTensor, wih: StridedTensor, whh: StridedTensor, bih: Optional, bhh: Optional) =>
      rnnCell(run, mode, x, h, wih, whh, bih, bhh),
  );
}
