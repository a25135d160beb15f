import type { PackedLinear } from '../quantization/dynamicLinear';
import { type HalfWeight, halfWeight, widenHalf } from '../quantization/halfWeight';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';
import type { DynamicModule, ModuleInputs, QuantizableModule } from './module';

/**
 * A module of float16_dynamic: the float module with weights that went through half precision.
 * Activations and sums stay float32, so there is no scale and nothing to tap.
 */
export class HalfModule implements DynamicModule {
  readonly products: readonly PackedLinear[] = [];
  readonly outputs: readonly string[];

  constructor(
    private readonly float: QuantizableModule,
    readonly halves: readonly HalfWeight[],
    readonly stored: DynamicModule['stored'],
    /** By the weight's name. */
    readonly biases: ReadonlyMap<string, Float32Array>,
  ) {
    this.outputs = float.outputs;
  }

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    return this.float.forward(inputs, context);
  }
}

/** The weight matrices among the parameters in half precision, and all parameters with those values. */
export function roundParameters(parameters: ReadonlyMap<string, FloatTensor>): {
  readonly halves: readonly HalfWeight[];
  readonly rounded: ReadonlyMap<string, FloatTensor>;
  readonly biases: ReadonlyMap<string, Float32Array>;
} {
  const biases = new Map<string, Float32Array>();
  const halves: HalfWeight[] = [];
  const rounded = new Map(parameters);
  for (const [name, { data, shape }] of parameters) {
    if (!name.startsWith('weight')) continue;
    const half = halfWeight(name, data, shape);
    halves.push(half);
    const bias = parameters.get(name.replace('weight', 'bias'));
    if (bias !== undefined) biases.set(name, bias.data);
    rounded.set(name, floatTensor(widenHalf(half), shape));
  }
  return { halves, rounded, biases };
}
