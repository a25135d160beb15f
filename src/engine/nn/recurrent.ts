import { invalid } from '../../core/errors';
import type { FloatWeight } from '../kernels/kernels';
import { dynamicLinear, type PackedLinear, packLinear } from '../quantization/dynamicLinear';
import type { QuantizedEngine } from '../quantization/engines';
import type { Scheme } from '../quantization/quantizeWeight';
import type { RecurrentMode } from '../random/initialize';
import type { FloatTensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';
import { HalfModule, roundParameters } from './halfModule';
import type { DynamicModule, ModuleInputs, QuantizableModule } from './module';
import {
  outputTensor,
  type RecurrentInput,
  type RecurrentOptions,
  recurrentInput,
  stateTensor,
} from './recurrentInputs';
import { type CellMode, type CellProducts, runLayer } from './recurrentSteps';

/** The products of layer `layer`, direction `direction`, while one forward pass runs. */
type ProductsOf = (layer: number, direction: number) => CellProducts;

const suffixes = ['', '_reverse'];

/**
 * torch.nn.LSTM, GRU and RNN: input [steps, batch, in] (or [batch, steps, in] with batchFirst,
 * [steps, in] without a batch, packed data with batch sizes), states [layers · directions, batch, width].
 */
export class Recurrent implements QuantizableModule {
  readonly outputs: readonly string[];

  constructor(
    readonly mode: RecurrentMode,
    readonly options: RecurrentOptions,
    readonly parameters: ReadonlyMap<string, FloatTensor>,
  ) {
    this.outputs = outputNames(mode);
  }

  get weights(): ReadonlyMap<string, Float32Array> {
    return new Map([...this.parameters].map(([name, { data }]) => [name, data]));
  }

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    return runRecurrent(this.mode, this.options, inputs, context, (layer, direction) => {
      const suffix = `_l${layer}${suffixes[direction]}`;
      const weight = (part: string): FloatWeight => {
        const { data, shape } = this.parameter(`weight_${part}${suffix}`);
        const bias = this.parameters.get(`bias_${part}${suffix}`)?.data;
        return { weight: data, rows: shape[0], columns: shape[1], bias };
      };
      const product = ({ weight, rows, columns, bias }: FloatWeight) => {
        return (x: Float32Array, m: number) => {
          const out = new Float32Array(m * rows);
          context.kernels.gemmFloat(x, weight, bias, m, rows, columns, out, true);
          return out;
        };
      };
      const weights = { input: weight('ih'), hidden: weight('hh') };
      const project = this.options.projSize > 0 ? product(weight('hr')) : undefined;
      return { input: product(weights.input), hidden: product(weights.hidden), project, weights };
    });
  }

  toDynamic(path: string, engine: QuantizedEngine, scheme: Scheme): DynamicRecurrent {
    const parts = this.options.projSize > 0 ? ['ih', 'hh', 'hr'] : ['ih', 'hh'];
    const products: PackedLinear[] = [];
    for (let layer = 0; layer < this.options.numLayers; layer++) {
      for (const direction of this.options.bidirectional ? suffixes : suffixes.slice(0, 1)) {
        for (const part of parts) {
          const name = `weight_${part}_l${layer}${direction}`;
          const { data, shape } = this.parameter(name);
          const bias = this.parameters.get(`bias_${part}_l${layer}${direction}`)?.data;
          products.push(packLinear({ module: path, name, bias, engine }, data, shape, scheme));
        }
      }
    }
    return new DynamicRecurrent(this.mode, this.options, products);
  }

  toFloat16(): HalfModule {
    const { halves, rounded, biases } = roundParameters(this.parameters);
    return new HalfModule(
      new Recurrent(this.mode, this.options, rounded),
      halves,
      storedForm(this.mode, this.options),
      biases,
    );
  }

  private parameter(name: string): FloatTensor {
    const found = this.parameters.get(name);
    if (found === undefined) throw invalid('E_NO_PARAMETER', `This ${this.mode} has no parameter ${name}.`);
    return found;
  }
}

/**
 * torch.ao.nn.quantized.dynamic.LSTM and GRU. The input product is quantized once for the whole
 * sequence of a layer, the hidden state at every step; the cell state stays float32. PyTorch has
 * no such RNN, and none without bias or with proj_size: these work in the same way, the projection
 * being one more product that is quantized at every step.
 */
export class DynamicRecurrent implements DynamicModule {
  readonly outputs: readonly string[];
  readonly stored: DynamicModule['stored'];
  private calls = 0;

  constructor(
    readonly mode: RecurrentMode,
    readonly options: RecurrentOptions,
    /** Input, hidden (and projection) product of every layer and direction, in the order of the state dict. */
    readonly products: readonly PackedLinear[],
  ) {
    this.outputs = outputNames(mode);
    this.stored = storedForm(mode, options);
  }

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    const { bidirectional, projSize } = this.options;
    const packed = inputs[this.outputs.length] !== undefined;
    const rank = inputs[0]?.shape.length ?? 0;
    if (!packed && rank !== 3) throw invalid('E_SHAPE', `input must have 3 dimensions, got ${rank}`);
    const call = this.calls++;
    const directions = bidirectional ? 2 : 1;
    const stride = projSize > 0 ? 3 : 2;
    return runRecurrent(this.mode, this.options, inputs, context, (layer, direction) => {
      const at = stride * (layer * directions + direction);
      const product = (index: number) => (x: Float32Array, rows: number, step: number) =>
        dynamicLinear(this.products[at + index], x, rows, context, call, step);
      return {
        input: (x, rows) => dynamicLinear(this.products[at], x, rows, context, call, 0),
        hidden: product(1),
        project: projSize > 0 ? product(2) : undefined,
        weights: { input: this.products[at], hidden: this.products[at + 1] },
      };
    });
  }
}

/** PyTorch has no dynamic nn.RNN, and none with a projection. */
function storedForm(mode: RecurrentMode, { projSize }: RecurrentOptions): DynamicModule['stored'] {
  return mode === 'RNN' || projSize > 0 ? 'none' : 'recurrent';
}

function outputNames(mode: RecurrentMode): readonly string[] {
  return mode === 'LSTM' ? ['output', 'h_n', 'c_n'] : ['output', 'h_n'];
}

export function cellMode(mode: RecurrentMode, nonlinearity: RecurrentOptions['nonlinearity']): CellMode {
  if (mode !== 'RNN') return mode;
  return nonlinearity === 'relu' ? 'RNN_RELU' : 'RNN_TANH';
}

function runRecurrent(
  mode: RecurrentMode,
  options: RecurrentOptions,
  inputs: ModuleInputs,
  context: ForwardContext,
  productsOf: ProductsOf,
): FloatTensor[] {
  const { hiddenSize: hidden, numLayers, bidirectional, projSize } = options;
  const input = recurrentInput(mode, options, inputs);
  const width = projSize || hidden;
  const directions = bidirectional ? 2 : 1;
  const cell = cellMode(mode, options.nonlinearity);
  let x = input.x;
  for (let layer = 0; layer < numLayers; layer++) {
    const outputs: Float32Array[] = [];
    for (let direction = 0; direction < directions; direction++) {
      const state = stateOf(input, layer * directions + direction, width, hidden);
      const sequence = { sizes: input.sizes, hidden, width, reverse: direction === 1 };
      outputs.push(runLayer(cell, productsOf(layer, direction), x, state, sequence, context));
    }
    x = outputs.length === 1 ? outputs[0] : interleave(outputs, width);
  }
  const states = numLayers * directions;
  const results = [outputTensor(x, input, width * directions), stateTensor(input.h, input, states, width)];
  return mode === 'LSTM' ? [...results, stateTensor(input.c, input, states, hidden)] : results;
}

/** The state of one layer and direction as a view: what runs writes the last state over the first. */
function stateOf({ h, c, batch }: RecurrentInput, k: number, width: number, hidden: number) {
  // Small layers notice a view: it moves the values out of the array's own object.
  if (h.length === batch * width) return { h, c };
  return {
    h: h.subarray(k * batch * width, (k + 1) * batch * width),
    c: c.subarray(k * batch * hidden, (k + 1) * batch * hidden),
  };
}

/** Both directions side by side on the last dimension. */
function interleave(outputs: readonly Float32Array[], width: number): Float32Array {
  const joined = new Float32Array(outputs[0].length * outputs.length);
  for (let row = 0; row * width < outputs[0].length; row++) {
    for (let d = 0; d < outputs.length; d++) {
      joined.set(outputs[d].subarray(row * width, (row + 1) * width), (row * outputs.length + d) * width);
    }
  }
  return joined;
}

/** Rows of a recurrent weight belong to its gates in equal parts, in this order. */
export const gateNames = { LSTM: ['i', 'f', 'g', 'o'], GRU: ['r', 'z', 'n'] } as const satisfies Partial<
  Record<RecurrentMode, readonly string[]>
>;
