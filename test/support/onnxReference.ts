import { roundHalfEven } from '../../src/core/fma';
import { sigmoid, tanh } from '../../src/engine/nn/activations';
import { observeRange } from '../../src/engine/quantization/observers';
import { quantizeWeight } from '../../src/engine/quantization/quantizeWeight';

/**
 * What ONNX says of the operators that our exports use, written down once more: the weights are
 * ours, the activations DynamicQuantizeLinear's. Source: the operators' pages at onnx.ai, and
 * com.microsoft.DynamicQuantizeLSTM in onnxruntime's ContribOperators.md.
 */

const f = Math.fround;

export interface Parameters {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** `scale = (max − min) / 255`, `zero point = round(−min / scale)`, in float32 over the whole input. */
function dynamicQuantizeLinear(x: Float32Array) {
  const { min, max } = observeRange(x);
  const low = Math.min(min, 0);
  const range = f(Math.max(max, 0) - low);
  const scale = range === 0 ? 1 : f(range / 255);
  const zeroPoint = Math.min(Math.max(roundHalfEven(f(-low / scale)), 0), 255);
  const codes = Uint8Array.from(x, (value) => Math.min(Math.max(roundHalfEven(f(value / scale)) + zeroPoint, 0), 255));
  return { codes, scale, zeroPoint };
}

/** A dynamic product of x [rows, columns] with int8 weights of one scale. */
export function product({ weight, bias }: Parameters, x: Float32Array, columns: number): Float32Array {
  const outputs = weight.length / columns;
  const { codes: weights, scales } = quantizeWeight(weight, outputs, columns, 'per_tensor');
  const { codes, scale, zeroPoint } = dynamicQuantizeLinear(x);
  const factor = f(scale * f(scales[0]));
  const rows = x.length / columns;
  const out = new Float32Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    for (let n = 0; n < outputs; n++) {
      let sum = 0;
      for (let k = 0; k < columns; k++) sum += (codes[row * columns + k] - zeroPoint) * weights[n * columns + k];
      out[row * outputs + n] = f(f(sum * factor) + bias[n]);
    }
  }
  return out;
}

/** One layer of an LSTM with batch 1, in PyTorch's order of gates; gives the output of every step. */
export function lstm(
  input: Parameters,
  hidden: Parameters,
  x: Float32Array,
  columns: number,
  h0: Float32Array,
  c0: Float32Array,
): Float32Array {
  const size = h0.length;
  const steps = x.length / columns;
  const gates = product(input, x, columns);
  const out = new Float32Array(steps * size);
  let h = h0;
  let c = c0;
  for (let step = 0; step < steps; step++) {
    const own = product(hidden, h, size);
    const gate = (k: number, j: number) => f(gates[step * 4 * size + k * size + j] + own[k * size + j]);
    c = Float32Array.from(c, (cell, j) => f(f(sigmoid(gate(1, j)) * cell) + f(sigmoid(gate(0, j)) * tanh(gate(2, j)))));
    const cells = c;
    h = Float32Array.from(h, (_, j) => f(sigmoid(gate(3, j)) * tanh(cells[j])));
    out.set(h, step * size);
  }
  return out;
}
