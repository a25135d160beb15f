import { invalid } from '../../core/errors';
import { dynamicLinear, type PackedLinear, packLinear } from '../quantization/dynamicLinear';
import type { QuantizedEngine } from '../quantization/engines';
import type { Scheme } from '../quantization/quantizeWeight';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import { mapValues, relu } from './elementwise';
import type { ForwardContext } from './forwardContext';
import { HalfModule, roundParameters } from './halfModule';
import { floatInput } from './inputs';
import type { DynamicModule, ModuleInputs, QuantizableModule } from './module';

/** Rows of x [*, k] for a weight with k columns; throws as PyTorch does where they do not fit. */
function rowsOf(x: FloatTensor, columns: number): number {
  if (x.shape.at(-1) !== columns) {
    throw invalid('E_SHAPE', `input.size(-1) must be equal to in_features. Expected ${columns}, got ${x.shape.at(-1)}`);
  }
  return columns === 0 ? 0 : x.data.length / columns;
}

/** torch.nn.Linear: `y = x Wᵀ + b`, weight [out, in], bias [out] or none. */
export class Linear implements QuantizableModule {
  readonly outputs = ['output'];

  constructor(
    readonly weight: FloatTensor,
    readonly bias: FloatTensor | undefined,
    /** What its module calls the weight: a cell's product is a Linear of `weight_ih`. */
    private readonly name = 'weight',
  ) {}

  get weights(): ReadonlyMap<string, Float32Array> {
    return new Map([[this.name, this.weight.data]]);
  }

  get parameters(): ReadonlyMap<string, FloatTensor> {
    return new Map([['weight', this.weight], ...(this.bias === undefined ? [] : [['bias', this.bias] as const])]);
  }

  forward([input]: ModuleInputs, { kernels }: ForwardContext): FloatTensor[] {
    const x = floatInput(input);
    const [n, k] = this.weight.shape;
    const m = rowsOf(x, k);
    const out = new Float32Array(m * n);
    kernels.gemmFloat(x.data, this.weight.data, this.bias?.data, m, n, k, out, true);
    return [floatTensor(out, [...x.shape.slice(0, -1), n])];
  }

  toDynamic(path: string, engine: QuantizedEngine, scheme: Scheme): DynamicLinear {
    const { data, shape } = this.weight;
    return new DynamicLinear(
      packLinear({ module: path, name: this.name, bias: this.bias?.data, engine }, data, shape, scheme),
    );
  }

  toFloat16(): HalfModule {
    const { halves, rounded, biases } = roundParameters(this.parameters);
    return new HalfModule(new Linear(rounded.get('weight') as FloatTensor, this.bias), halves, 'linear', biases);
  }
}

/**
 * torch.ao.nn.intrinsic.LinearReLU: a Linear, its child `0`, and the ReLU after it, as
 * fuse_modules makes them. The weight keeps the name that it has in the pair: `0.weight`.
 */
export class LinearReLU implements QuantizableModule {
  readonly outputs = ['output'];

  constructor(private readonly linear: Linear) {}

  get weights(): ReadonlyMap<string, Float32Array> {
    return new Map([['0.weight', this.linear.weight.data]]);
  }

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    return this.linear.forward(inputs, context).map((y) => mapValues(y, relu, context.kernels));
  }

  toDynamic(path: string, engine: QuantizedEngine, scheme: Scheme): DynamicLinear {
    const { weight, bias } = this.linear;
    const named = { module: path, name: '0.weight', bias: bias?.data, engine };
    return new DynamicLinear(packLinear(named, weight.data, weight.shape, scheme), true);
  }

  toFloat16(): HalfModule {
    const { bias } = this.linear;
    const { halves, rounded } = roundParameters(this.linear.parameters);
    const linear = new Linear(rounded.get('weight') as FloatTensor, bias);
    const biases = new Map(bias === undefined ? [] : [['0.weight', bias.data]]);
    const named = halves.map((half) => ({ ...half, name: '0.weight' }));
    return new HalfModule(new LinearReLU(linear), named, 'linear', biases);
  }
}

/** torch.ao.nn.quantized.dynamic.Linear: the same with an int8 weight and an input quantized at every call. */
export class DynamicLinear implements DynamicModule {
  readonly stored = 'linear';
  readonly outputs = ['output'];
  private calls = 0;

  constructor(
    readonly packed: PackedLinear,
    /** LinearReLU: negative outputs become 0. */
    private readonly relu = false,
  ) {}

  get products(): readonly PackedLinear[] {
    return [this.packed];
  }

  forward([input]: ModuleInputs, context: ForwardContext): FloatTensor[] {
    const x = floatInput(input);
    const { rows, columns } = this.packed.weight;
    if (x.shape.length < 2) {
      throw invalid('E_SHAPE', 'The dimension of input tensor should be larger than or equal to 2');
    }
    const m = rowsOf(x, columns);
    const out = dynamicLinear(this.packed, x.data, m, context, this.calls++, 0);
    if (this.relu) context.kernels.layers.activate('relu', out, out);
    return [floatTensor(out, [...x.shape.slice(0, -1), rows])];
  }
}
