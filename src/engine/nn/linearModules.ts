import { invalid } from '../../core/errors';
import { floatTensor } from '../tensor/tensor';
import { mapValues, relu } from './elementwise';
import { FunctionModule } from './functionModule';
import { floatInput } from './inputs';
import { Linear, LinearReLU } from './linear';
import { child, type Maker, type Makers, parameter } from './parts';
import { transposed } from './rearrange';

const linear: Maker = (parts) => new Linear(parameter(parts, 'weight', 2), parts.parameters.get('bias'));

/** transformers' Conv1D of GPT-2: a Linear whose weight is stored [in, out]. */
const transposedLinear: Maker = (parts) => {
  const { data, shape } = parameter(parts, 'weight', 2);
  const [rows, columns] = shape;
  return new Linear(floatTensor(transposed(data, rows, columns), [columns, rows]), parts.parameters.get('bias'));
};

/** torch.nn.Bilinear: `y_k = x₁ᵀ W_k x₂ + b_k`. */
const bilinear: Maker = (parts) => {
  const weight = parameter(parts, 'weight', 3);
  const bias = parts.parameters.get('bias');
  const [n, a, b] = weight.shape;
  return new FunctionModule(([first, second]) => {
    const [x, y] = [floatInput(first, 'input1'), floatInput(second, 'input2')];
    const leading = x.shape.slice(0, -1);
    if (x.shape.at(-1) !== a || y.shape.at(-1) !== b || y.shape.slice(0, -1).join() !== leading.join()) {
      throw invalid(
        'E_SHAPE',
        `bilinear(): inputs [${x.shape.join(', ')}] and [${y.shape.join(', ')}] do not fit in1_features=${a}, in2_features=${b}`,
      );
    }
    const rows = leading.reduce((product, size) => product * size, 1);
    const out = new Float32Array(rows * n);
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < n; k++) {
        let sum = bias?.data[k] ?? 0;
        for (let i = 0; i < a; i++) {
          for (let j = 0; j < b; j++)
            sum += x.data[row * a + i] * weight.data[(k * a + i) * b + j] * y.data[row * b + j];
        }
        out[row * n + k] = sum;
      }
    }
    return floatTensor(out, [...leading, n]);
  });
};

/** The fused pair keeps the Linear as its child `0`. */
const linearReLU: Maker = (parts) => {
  const first = child(parts, '0');
  if (first instanceof Linear) return new LinearReLU(first);
  return new FunctionModule(([x], context) =>
    mapValues(floatInput(first.forward([x], context)[0]), relu, context.kernels),
  );
};

export const linearMakers: Makers = [
  ['Linear', linear],
  ['NonDynamicallyQuantizableLinear', linear],
  ['Conv1D', transposedLinear],
  ['LinearReLU', linearReLU],
  ['Bilinear', bilinear],
];
