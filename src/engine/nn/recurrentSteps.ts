import { sigmoid, tanh } from './activations';
import type { ForwardContext } from './forwardContext';

/**
 * The recurrences of LSTM and GRU over a sequence, for float and for int8: both differ only in
 * their matrix products. Everything between the products is float32, one rounding an operation.
 * Source: aten/src/ATen/native/RNN.cpp, LSTMCell and GRUCell.
 */

/** The products of one layer in one direction. */
export interface CellProducts {
  /** x of the whole sequence [steps · batch, in] to [steps · batch, gates · hidden], bias added. */
  input(x: Float32Array, rows: number): Float32Array;
  /** h of one step [batch, width] to [batch, gates · hidden], bias added. */
  hidden(h: Float32Array, rows: number, step: number): Float32Array;
  /** LSTM with proj_size: [batch, hidden] to [batch, width]. */
  project?(h: Float32Array, rows: number): Float32Array;
}

export interface CellState {
  readonly h: Float32Array;
  /** The cell state of an LSTM; empty for a GRU. */
  readonly c: Float32Array;
}

export type CellMode = 'LSTM' | 'GRU';

const f = Math.fround;

/** Gates i, f, g, o: `c' = f·c + i·g`, `h' = o · tanh(c')`. */
function lstmCell(
  ih: Float32Array,
  hh: Float32Array,
  at: number,
  { c }: CellState,
  batch: number,
  hidden: number,
): CellState {
  const next = { h: new Float32Array(c.length), c: new Float32Array(c.length) };
  for (let b = 0; b < batch; b++) {
    for (let j = 0; j < hidden; j++) {
      const own = b * 4 * hidden + j;
      const whole = at + own;
      const i = sigmoid(f(hh[own] + ih[whole]));
      const forget = sigmoid(f(hh[own + hidden] + ih[whole + hidden]));
      const g = tanh(f(hh[own + 2 * hidden] + ih[whole + 2 * hidden]));
      const o = sigmoid(f(hh[own + 3 * hidden] + ih[whole + 3 * hidden]));
      const cell = f(f(forget * c[b * hidden + j]) + f(i * g));
      next.c[b * hidden + j] = cell;
      next.h[b * hidden + j] = f(o * tanh(cell));
    }
  }
  return next;
}

/** Gates r, z, n: `n = tanh(W_in x + r · (W_hn h))`, `h' = (h − n) · z + n`. */
function gruCell(
  ih: Float32Array,
  hh: Float32Array,
  at: number,
  { h, c }: CellState,
  batch: number,
  hidden: number,
): CellState {
  const next = new Float32Array(h.length);
  for (let b = 0; b < batch; b++) {
    for (let j = 0; j < hidden; j++) {
      const own = b * 3 * hidden + j;
      const whole = at + own;
      const r = sigmoid(f(hh[own] + ih[whole]));
      const z = sigmoid(f(hh[own + hidden] + ih[whole + hidden]));
      const n = tanh(f(ih[whole + 2 * hidden] + f(hh[own + 2 * hidden] * r)));
      next[b * hidden + j] = f(f(f(h[b * hidden + j] - n) * z) + n);
    }
  }
  return { h: next, c };
}

const cells = { LSTM: lstmCell, GRU: gruCell };
const gates = { LSTM: 4, GRU: 3 };

export interface Sequence {
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  /** Size of h: proj_size, or hidden. */
  readonly width: number;
  readonly reverse: boolean;
}

/** One layer in one direction over a sequence x [steps, batch, in]: h of every step, and the last state. */
export function runLayer(
  mode: CellMode,
  products: CellProducts,
  x: Float32Array,
  start: CellState,
  { steps, batch, hidden, width, reverse }: Sequence,
  { abort }: ForwardContext,
): { readonly output: Float32Array; readonly last: CellState } {
  const ih = products.input(x, steps * batch);
  const output = new Float32Array(steps * batch * width);
  let state = start;
  for (let i = 0; i < steps; i++) {
    abort.throwIfAborted();
    const step = reverse ? steps - 1 - i : i;
    const hh = products.hidden(state.h, batch, i);
    const next = cells[mode](ih, hh, step * batch * gates[mode] * hidden, state, batch, hidden);
    state = products.project === undefined ? next : { h: products.project(next.h, batch), c: next.c };
    output.set(state.h, step * batch * width);
  }
  return { output, last: state };
}
