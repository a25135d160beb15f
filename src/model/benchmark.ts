import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import { selectKernels } from '../engine/kernels/dispatch';
import type { AttributeValue } from '../engine/nn/attributes';
import { createModule } from '../engine/nn/createModule';
import { Linear } from '../engine/nn/linear';
import type { RunnableModule } from '../engine/nn/module';
import { Recurrent } from '../engine/nn/recurrent';
import { Generator } from '../engine/random/generator';
import { initLinear, initRecurrent } from '../engine/random/initialize';
import type { FloatTensor } from '../engine/tensor/tensor';
import type { BenchmarkDto } from '../protocol/modelDto';
import { type BenchmarkCase, benchmarkCases, multiplyAdds } from './benchmarkCases';
import { measure } from './measure';

/** The same module in float32 and in int8, with an input: what one measurement runs. */
export interface Workload {
  readonly float: RunnableModule;
  readonly int8: RunnableModule;
  readonly inputs: readonly FloatTensor[];
}

const seed = 29592;

/** PyTorch's default initialisation and normal inputs, from the recipe's seed; int8 is fbgemm's, per tensor. */
export function createWorkload(one: BenchmarkCase): Workload {
  const generator = new Generator(seed);
  switch (one.type) {
    case 'Linear': {
      const float = newLinear(generator, one.inFeatures, one.outFeatures);
      const inputs = [generator.randn([one.batch, one.inFeatures])];
      return { float, int8: float.toDynamic('', 'fbgemm', 'per_tensor'), inputs };
    }
    case 'TransformerEncoder': {
      const { float, int8 } = newEncoder(generator, one);
      return { float, int8, inputs: [generator.randn([one.steps, 1, one.width])] };
    }
    default: {
      const { type, width, layers, steps, batch } = one;
      const shape = { inputSize: width, hiddenSize: width, numLayers: layers, projSize: 0 };
      const options = { ...shape, bias: true, bidirectional: false };
      const float = new Recurrent(type, options, initRecurrent(generator, type, options));
      const inputs = [generator.randn([steps, batch, width])];
      return { float, int8: float.toDynamic('', 'fbgemm', 'per_tensor'), inputs };
    }
  }
}

function newLinear(generator: Generator, inFeatures: number, outFeatures: number): Linear {
  const parameters = initLinear(generator, inFeatures, outFeatures, true);
  return new Linear(parameters.get('weight') as FloatTensor, parameters.get('bias'));
}

/** The encoder's feed-forward layers become int8, its attention stays float32: what quantize_dynamic does. */
function newEncoder(
  generator: Generator,
  { width, heads, feedForward, layers }: Extract<BenchmarkCase, { type: 'TransformerEncoder' }>,
): { float: RunnableModule; int8: RunnableModule } {
  const float = new Map<string, RunnableModule>();
  const int8 = new Map<string, RunnableModule>();
  for (let layer = 0; layer < layers; layer++) {
    const projection = initLinear(generator, width, 3 * width, true);
    const output = initLinear(generator, width, width, true);
    const parameters = new Map([
      ['in_proj_weight', projection.get('weight') as FloatTensor],
      ['in_proj_bias', projection.get('bias') as FloatTensor],
      ['out_proj.weight', output.get('weight') as FloatTensor],
      ['out_proj.bias', output.get('bias') as FloatTensor],
    ]);
    const outputLayer = new Linear(output.get('weight') as FloatTensor, output.get('bias'));
    const attention = createModule(
      'MultiheadAttention',
      new Map<string, AttributeValue>([
        ['embed_dim', width],
        ['num_heads', heads],
      ]),
      parameters,
      new Map([['out_proj', outputLayer]]),
    );
    const norm = createModule('LayerNorm', new Map<string, AttributeValue>([['normalized_shape', [width]]]), new Map());
    const shared: [string, RunnableModule][] = [
      ['self_attn', attention],
      ['norm1', norm],
      ['norm2', norm],
    ];
    const linear1 = newLinear(generator, width, feedForward);
    const linear2 = newLinear(generator, feedForward, width);
    const layerOf = (first: RunnableModule, second: RunnableModule) =>
      createModule(
        'TransformerEncoderLayer',
        new Map(),
        new Map(),
        new Map<string, RunnableModule>([...shared, ['linear1', first], ['linear2', second]]),
      );
    float.set(`${layer}`, layerOf(linear1, linear2));
    int8.set(
      `${layer}`,
      layerOf(linear1.toDynamic('', 'fbgemm', 'per_tensor'), linear2.toDynamic('', 'fbgemm', 'per_tensor')),
    );
  }
  const encoder = (list: ReadonlyMap<string, RunnableModule>) =>
    createModule(
      'TransformerEncoder',
      new Map(),
      new Map(),
      new Map([['layers', createModule('ModuleList', new Map(), new Map(), list)]]),
    );
  return { float: encoder(float), int8: encoder(int8) };
}

/** Runs of one measurement, after a tenth of them to warm up. */
const runs = 200;

/** Medians of float32 and int8 at every shape whose name contains `filter`, and their ratio. */
export async function runBenchmarks(filter: string, abort: AbortCheck, progress: Progress): Promise<BenchmarkDto> {
  const chosen = benchmarkCases.filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
  const kernels = selectKernels();
  const results: BenchmarkDto['results'][number][] = [];
  for (const one of chosen) {
    progress(results.length, chosen.length, one.name);
    // Lets a cancellation in.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const { float, int8, inputs } = createWorkload(one);
    const time = (module: RunnableModule) =>
      measure(
        () => void module.forward(inputs, { kernels, abort }),
        runs,
        runs / 10,
        abort,
        () => {},
        one.name,
      );
    const latencyFloat = await time(float);
    const latencyInt8 = await time(int8);
    const ratio = latencyFloat.median / latencyInt8.median;
    results.push({ name: one.name, multiplyAdds: multiplyAdds(one), float: latencyFloat, int8: latencyInt8, ratio });
  }
  return { kernels: kernels.name, results };
}
