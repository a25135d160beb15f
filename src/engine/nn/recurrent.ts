import { invalid } from '../../core/errors';
import { dynamicLinear, type PackedLinear, packLinear } from '../quantization/dynamicLinear';
import type { QuantizedEngine } from '../quantization/engines';
import type { Scheme } from '../quantization/quantizeWeight';
import type { RecurrentShape } from '../random/initialize';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';
import { optionalFloat } from './inputs';
import type { DynamicModule, ModuleInputs, QuantizableModule } from './module';
import { type CellMode, type CellProducts, type CellState, runLayer } from './recurrentSteps';

/** The products of layer `layer`, direction `direction`, while one forward pass runs. */
type ProductsOf = (layer: number, direction: number) => CellProducts;

const suffixes = ['', '_reverse'];

/** torch.nn.LSTM and torch.nn.GRU: input [steps, batch, in], states [layers · directions, batch, width]. */
export class Recurrent implements QuantizableModule {
  readonly outputs: readonly string[];

  constructor(
    readonly mode: CellMode,
    readonly shape: RecurrentShape,
    readonly parameters: ReadonlyMap<string, FloatTensor>,
  ) {
    this.outputs = outputNames(mode);
  }

  get weights(): ReadonlyMap<string, Float32Array> {
    return new Map([...this.parameters].map(([name, { data }]) => [name, data]));
  }

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    return runRecurrent(this.mode, this.shape, inputs, context, (layer, direction) => {
      const suffix = `_l${layer}${suffixes[direction]}`;
      const product = (weightName: string, biasName: string) => {
        const weight = this.parameter(`${weightName}${suffix}`);
        const bias = this.parameters.get(`${biasName}${suffix}`)?.data;
        const [n, k] = weight.shape;
        return (x: Float32Array, m: number) => {
          const out = new Float32Array(m * n);
          context.kernels.gemmFloat(x, weight.data, bias, m, n, k, out);
          return out;
        };
      };
      const project = this.shape.projSize > 0 ? product('weight_hr', 'none') : undefined;
      return { input: product('weight_ih', 'bias_ih'), hidden: product('weight_hh', 'bias_hh'), project };
    });
  }

  toDynamic(path: string, engine: QuantizedEngine, scheme: Scheme): DynamicRecurrent {
    const products: PackedLinear[] = [];
    for (let layer = 0; layer < this.shape.numLayers; layer++) {
      for (const direction of this.shape.bidirectional ? suffixes : suffixes.slice(0, 1)) {
        for (const part of ['ih', 'hh']) {
          const name = `weight_${part}_l${layer}${direction}`;
          const { data, shape } = this.parameter(name);
          const bias = this.parameter(`bias_${part}_l${layer}${direction}`).data;
          products.push(packLinear({ module: path, name, bias, engine }, data, shape, scheme));
        }
      }
    }
    return new DynamicRecurrent(this.mode, this.shape, products);
  }

  private parameter(name: string): FloatTensor {
    const found = this.parameters.get(name);
    if (found === undefined) throw invalid('E_NO_PARAMETER', `This ${this.mode} has no parameter ${name}.`);
    return found;
  }
}

/**
 * torch.ao.nn.quantized.dynamic.LSTM and GRU. The input product is quantized once for the whole
 * sequence of a layer, the hidden state at every step; the cell state stays float32.
 */
export class DynamicRecurrent implements DynamicModule {
  readonly outputs: readonly string[];
  private calls = 0;

  constructor(
    readonly mode: CellMode,
    readonly shape: RecurrentShape,
    /** Input and hidden product of every layer and direction, in the order of the state dict. */
    readonly products: readonly PackedLinear[],
  ) {
    this.outputs = outputNames(mode);
  }

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    const call = this.calls++;
    const directions = this.shape.bidirectional ? 2 : 1;
    return runRecurrent(this.mode, this.shape, inputs, context, (layer, direction) => {
      const at = 2 * (layer * directions + direction);
      return {
        input: (x, rows) => dynamicLinear(this.products[at], x, rows, context, call, 0),
        hidden: (h, rows, step) => dynamicLinear(this.products[at + 1], h, rows, context, call, step),
      };
    });
  }
}

function outputNames(mode: CellMode): readonly string[] {
  return mode === 'LSTM' ? ['output', 'h_n', 'c_n'] : ['output', 'h_n'];
}

function runRecurrent(
  mode: CellMode,
  shape: RecurrentShape,
  inputs: ModuleInputs,
  context: ForwardContext,
  productsOf: ProductsOf,
): FloatTensor[] {
  const { hiddenSize: hidden, numLayers, bidirectional, projSize } = shape;
  const [input, h, c] = [
    optionalFloat(inputs[0], 'input'),
    optionalFloat(inputs[1], 'h0'),
    optionalFloat(inputs[2], 'c0'),
  ];
  checkInput(input, shape.inputSize);
  const [steps, batch] = input.shape;
  const width = projSize || hidden;
  const directions = bidirectional ? 2 : 1;
  const states = numLayers * directions;
  const h0 = startState(h, 0, [states, batch, width]);
  const c0 = mode === 'LSTM' ? startState(c, 1, [states, batch, hidden]) : new Float32Array(0);
  const hn = new Float32Array(h0.length);
  const cn = new Float32Array(c0.length);
  let x = input.data;
  for (let layer = 0; layer < numLayers; layer++) {
    const outputs: Float32Array[] = [];
    for (let direction = 0; direction < directions; direction++) {
      const k = layer * directions + direction;
      const start: CellState = {
        h: h0.subarray(k * batch * width, (k + 1) * batch * width),
        c: c0.subarray(k * batch * hidden, (k + 1) * batch * hidden),
      };
      const sequence = { steps, batch, hidden, width, reverse: direction === 1 };
      const { output, last } = runLayer(mode, productsOf(layer, direction), x, start, sequence, context);
      outputs.push(output);
      hn.set(last.h, k * batch * width);
      cn.set(last.c, k * batch * hidden);
    }
    x = outputs.length === 1 ? outputs[0] : interleave(outputs, width);
  }
  const results = [floatTensor(x, [steps, batch, width * directions]), floatTensor(hn, [states, batch, width])];
  return mode === 'LSTM' ? [...results, floatTensor(cn, [states, batch, hidden])] : results;
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

function checkInput(input: FloatTensor | undefined, inputSize: number): asserts input is FloatTensor {
  if (input?.shape.length !== 3)
    throw invalid('E_SHAPE', `input must have 3 dimensions, got ${input?.shape.length ?? 0}`);
  if (input.shape[2] !== inputSize) {
    throw invalid(
      'E_SHAPE',
      `input.size(-1) must be equal to input_size. Expected ${inputSize}, got ${input.shape[2]}`,
    );
  }
  if (input.shape[0] === 0) throw invalid('E_SHAPE', 'Expected sequence length to be larger than 0 in RNN');
}

/** The state that a person gave, checked as PyTorch does, or zeros. */
function startState(given: FloatTensor | undefined, index: number, shape: readonly number[]): Float32Array {
  if (given === undefined) return new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (given.shape.join() !== shape.join()) {
    throw invalid('E_SHAPE', `Expected hidden[${index}] size (${shape.join(', ')}), got [${given.shape.join(', ')}]`);
  }
  return given.data;
}

/** Rows of a recurrent weight belong to its gates in equal parts, in this order. */
export const gateNames = { LSTM: ['i', 'f', 'g', 'o'], GRU: ['r', 'z', 'n'] } as const satisfies Record<
  CellMode,
  readonly string[]
>;
