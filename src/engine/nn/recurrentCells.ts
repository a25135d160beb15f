import { invalid } from '../../core/errors';
import { dynamicLinear, type PackedLinear, packLinear } from '../quantization/dynamicLinear';
import type { QuantizedEngine } from '../quantization/engines';
import type { Scheme } from '../quantization/quantizeWeight';
import { gateCount, type RecurrentMode } from '../random/initialize';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';
import { HalfModule, roundParameters } from './halfModule';
import { floatInput, optionalFloat } from './inputs';
import type { DynamicModule, ModuleInputs, QuantizableModule } from './module';
import { cellMode } from './recurrent';
import { type CellProducts, runCell } from './recurrentSteps';

export interface CellOptions {
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** RNNCell only. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/** torch.nn.LSTMCell, GRUCell and RNNCell: input [batch, in] or [in], states of the same rank. */
export class RecurrentCell implements QuantizableModule {
  readonly outputs: readonly string[];

  constructor(
    readonly mode: RecurrentMode,
    readonly options: CellOptions,
    readonly parameters: ReadonlyMap<string, FloatTensor>,
  ) {
    this.outputs = outputNames(mode);
  }

  get weights(): ReadonlyMap<string, Float32Array> {
    return new Map(['weight_ih', 'weight_hh'].map((name) => [name, this.parameter(name).data]));
  }

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    const product = (part: string) => (x: Float32Array, m: number) => {
      const { data, shape } = this.parameter(`weight_${part}`);
      const out = new Float32Array(m * shape[0]);
      context.kernels.gemmFloat(x, data, this.parameters.get(`bias_${part}`)?.data, m, shape[0], shape[1], out, true);
      return out;
    };
    return runStep(this.mode, this.options, inputs, { input: product('ih'), hidden: product('hh') }, context);
  }

  toDynamic(path: string, engine: QuantizedEngine, scheme: Scheme): DynamicCell {
    const products = ['ih', 'hh'].map((part) => {
      const { data, shape } = this.parameter(`weight_${part}`);
      const bias = this.parameters.get(`bias_${part}`)?.data;
      return packLinear({ module: path, name: `weight_${part}`, bias, engine }, data, shape, scheme);
    });
    return new DynamicCell(this.mode, this.options, products);
  }

  toFloat16(): HalfModule {
    const { halves, rounded, biases } = roundParameters(this.parameters);
    return new HalfModule(new RecurrentCell(this.mode, this.options, rounded), halves, 'cell', biases);
  }

  private parameter(name: string): FloatTensor {
    const found = this.parameters.get(name);
    if (found === undefined) throw invalid('E_NO_PARAMETER', `This ${this.mode}Cell has no parameter ${name}.`);
    return found;
  }
}

/** torch.ao.nn.quantized.dynamic.LSTMCell, GRUCell and RNNCell: input and state are quantized at every call. */
export class DynamicCell implements DynamicModule {
  readonly stored = 'cell';
  readonly outputs: readonly string[];
  private calls = 0;

  constructor(
    readonly mode: RecurrentMode,
    readonly options: CellOptions,
    readonly products: readonly PackedLinear[],
  ) {
    this.outputs = outputNames(mode);
  }

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    const call = this.calls++;
    const product = (index: number) => (x: Float32Array, rows: number) =>
      dynamicLinear(this.products[index], x, rows, context, call, 0);
    return runStep(this.mode, this.options, inputs, { input: product(0), hidden: product(1) }, context);
  }
}

function outputNames(mode: RecurrentMode): readonly string[] {
  return mode === 'LSTM' ? ['h', 'c'] : ['h'];
}

function runStep(
  mode: RecurrentMode,
  options: CellOptions,
  inputs: ModuleInputs,
  products: CellProducts,
  context: ForwardContext,
): FloatTensor[] {
  const { inputSize, hiddenSize } = options;
  const { data, shape } = floatInput(inputs[0]);
  if (shape.length !== 1 && shape.length !== 2) {
    throw invalid('E_SHAPE', `${mode}Cell: Expected input to be 1D or 2D, got ${shape.length}D instead`);
  }
  if (shape[shape.length - 1] !== inputSize) {
    throw invalid(
      'E_SHAPE',
      `input has inconsistent input_size: got ${shape[shape.length - 1]}, expected ${inputSize}`,
    );
  }
  const stateShape = [...shape.slice(0, -1), hiddenSize];
  const rows = shape.length === 2 ? shape[0] : 1;
  const state = (index: number, name: string): Float32Array => {
    const given = optionalFloat(inputs[index], name);
    if (given === undefined) return new Float32Array(rows * hiddenSize);
    if (given.shape.join() === stateShape.join()) return given.data.slice();
    throw invalid('E_SHAPE', `Expected ${name} of size (${stateShape.join(', ')}), got [${given.shape.join(', ')}]`);
  };
  const h = state(1, 'h0');
  const c = gateCount[mode] === 4 ? state(2, 'c0') : new Float32Array(0);
  runCell(cellMode(mode, options.nonlinearity), products, data, { h, c }, rows, hiddenSize, context);
  return mode === 'LSTM' ? [floatTensor(h, stateShape), floatTensor(c, stateShape)] : [floatTensor(h, stateShape)];
}
