import type { FloatWeight } from '../kernels/kernels';
import type { PackedLinear } from '../quantization/dynamicLinear';
import { type Activations, activationForms, vectorEnd } from './activations';
import type { ForwardContext } from './forwardContext';

/**
 * The recurrences of LSTM, GRU and RNN over a sequence, for float and for int8: both differ only
 * in their matrix products. Everything between the products is float32, one rounding an
 * operation. Source: aten/src/ATen/native/RNN.cpp, LSTMCell, GRUCell and SimpleCell.
 */

/** The products of one layer in one direction. */
export interface CellProducts {
  /** x of the whole sequence [rows, in] to [rows, gates · hidden], bias added. */
  input(x: Float32Array, rows: number): Float32Array;
  /** h of one step [rows, width] to [rows, gates · hidden], bias added. */
  hidden(h: Float32Array, rows: number, step: number): Float32Array;
  /** LSTM with proj_size: [rows, hidden] to [rows, width]. */
  project?(h: Float32Array, rows: number, step: number): Float32Array;
  /** What the products multiply with, for kernels that run a whole layer at once. */
  readonly weights?: {
    readonly input: PackedLinear | FloatWeight;
    readonly hidden: PackedLinear | FloatWeight;
  };
}

/** The states of one layer in one direction; a step writes over them. */
export interface CellState {
  readonly h: Float32Array;
  /** The cell state of an LSTM; empty for the others. */
  readonly c: Float32Array;
}

/** What happens between the products of one step. */
export type CellMode = 'LSTM' | 'GRU' | 'RNN_TANH' | 'RNN_RELU';

/** Rows of a weight in units of the hidden size. */
const gatesOf: Readonly<Record<CellMode, number>> = { LSTM: 4, GRU: 3, RNN_TANH: 1, RNN_RELU: 1 };

/**
 * One step of `rows` sequences: reads the gates at `ih[at…]` and `hh`, writes the next hidden
 * state to `h` (which may be the state's own) and the next cell state over `state.c`.
 */
type Step = (
  ih: Float32Array,
  at: number,
  hh: Float32Array,
  state: CellState,
  h: Float32Array,
  rows: number,
  hidden: number,
  activations: Activations,
) => void;

const f = Math.fround;

/** Gates i, f, g, o: `c' = f·c + i·g`, `h' = o · tanh(c')`. */
const lstmStep: Step = (ih, at, hh, { c }, h, rows, hidden, { sigmoid, tanh }) => {
  const vectors = vectorEnd(hidden);
  for (let b = 0; b < rows; b++) {
    for (let j = 0; j < hidden; j++) {
      const own = b * 4 * hidden + j;
      const whole = at + own;
      const vectorized = j < vectors;
      const i = sigmoid(f(hh[own] + ih[whole]), vectorized);
      const forget = sigmoid(f(hh[own + hidden] + ih[whole + hidden]), vectorized);
      const g = tanh(f(hh[own + 2 * hidden] + ih[whole + 2 * hidden]));
      const o = sigmoid(f(hh[own + 3 * hidden] + ih[whole + 3 * hidden]), vectorized);
      const k = b * hidden + j;
      const cell = f(f(forget * c[k]) + f(i * g));
      c[k] = cell;
      h[k] = o * tanh(cell);
    }
  }
};

/** Gates r, z, n: `n = tanh(W_in x + r · (W_hn h))`, `h' = (h − n) · z + n`. */
const gruStep: Step = (ih, at, hh, state, h, rows, hidden, { sigmoid, tanh }) => {
  const vectors = vectorEnd(hidden);
  for (let b = 0; b < rows; b++) {
    for (let j = 0; j < hidden; j++) {
      const own = b * 3 * hidden + j;
      const whole = at + own;
      const vectorized = j < vectors;
      const r = sigmoid(f(hh[own] + ih[whole]), vectorized);
      const z = sigmoid(f(hh[own + hidden] + ih[whole + hidden]), vectorized);
      const n = tanh(f(ih[whole + 2 * hidden] + f(hh[own + 2 * hidden] * r)));
      const k = b * hidden + j;
      h[k] = f(f(state.h[k] - n) * z) + n;
    }
  }
};

/** `h' = tanh(W_ih x + W_hh h)`. */
const tanhStep: Step = (ih, at, hh, _state, h, rows, hidden, { tanh }) => {
  for (let k = 0; k < rows * hidden; k++) h[k] = tanh(f(hh[k] + ih[at + k]));
};

/** `h' = max(0, W_ih x + W_hh h)`. */
const reluStep: Step = (ih, at, hh, _state, h, rows, hidden) => {
  for (let k = 0; k < rows * hidden; k++) h[k] = Math.max(0, f(hh[k] + ih[at + k]));
};

const steps: Readonly<Record<CellMode, Step>> = {
  LSTM: lstmStep,
  GRU: gruStep,
  RNN_TANH: tanhStep,
  RNN_RELU: reluStep,
};

export interface Sequence {
  /** Sequences that are still running at each step; all the same but for packed sequences, where they fall. */
  readonly sizes: readonly number[];
  readonly hidden: number;
  /** Size of h: proj_size, or hidden. */
  readonly width: number;
  readonly reverse: boolean;
}

/**
 * One layer in one direction over x [Σ sizes, in]: h of every step [Σ sizes, width]. The state
 * becomes that of each sequence's last step.
 */
export function runLayer(
  mode: CellMode,
  products: CellProducts,
  x: Float32Array,
  { h, c }: CellState,
  sequence: Sequence,
  context: ForwardContext,
): Float32Array {
  const whole = runWholeLayer(mode, products, x, { h, c }, sequence, context);
  if (whole !== undefined) return whole;
  const { sizes, hidden, width, reverse } = sequence;
  const { abort, activations = 'portable' } = context;
  const offsets = prefixSums(sizes);
  const ih = products.input(x, offsets[sizes.length]);
  const output = new Float32Array(offsets[sizes.length] * width);
  const unprojected = products.project === undefined ? h : new Float32Array(c.length);
  for (let i = 0; i < sizes.length; i++) {
    abort.throwIfAborted();
    const t = reverse ? sizes.length - 1 - i : i;
    const rows = sizes[t];
    const hh = products.hidden(h.subarray(0, rows * width), rows, i);
    steps[mode](
      ih,
      offsets[t] * gatesOf[mode] * hidden,
      hh,
      { h, c },
      unprojected,
      rows,
      hidden,
      activationForms[activations],
    );
    if (products.project !== undefined) h.set(products.project(unprojected.subarray(0, rows * hidden), rows, i));
    output.set(h.subarray(0, rows * width), offsets[t] * width);
  }
  return output;
}

/** The same in one call of the kernels, where they have one: nobody looks at single steps, and every sequence is as long. */
function runWholeLayer(
  mode: CellMode,
  { weights, project }: CellProducts,
  x: Float32Array,
  state: CellState,
  { sizes, width, reverse }: Sequence,
  { kernels, tap, abort, activations = 'portable' }: ForwardContext,
): Float32Array | undefined {
  if (weights === undefined || project !== undefined || tap !== undefined) return undefined;
  if (activations !== 'portable') return undefined;
  if ((mode !== 'LSTM' && mode !== 'GRU') || sizes.some((size) => size !== sizes[0])) return undefined;
  const { input, hidden } = weights;
  const { h, c } = state;
  const [steps, batch] = [sizes.length, sizes[0]];
  return kernels.recurrentLayer?.({ mode, input, hidden, x, h, c, steps, batch, width, reverse, abort });
}

/** One step outside a sequence, as LSTMCell, GRUCell and RNNCell do it; the state is written over. */
export function runCell(
  mode: CellMode,
  products: CellProducts,
  x: Float32Array,
  state: CellState,
  rows: number,
  hidden: number,
  { activations = 'portable' }: ForwardContext,
): void {
  const ih = products.input(x, rows);
  const hh = products.hidden(state.h, rows, 0);
  steps[mode](ih, 0, hh, state, state.h, rows, hidden, activationForms[activations]);
}

function prefixSums(sizes: readonly number[]): number[] {
  const sums = [0];
  for (const size of sizes) sums.push(sums[sums.length - 1] + size);
  return sums;
}
