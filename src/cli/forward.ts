import type { ProductDto } from '../protocol/dto';
import { type Command, parse } from './command';
import { forwardOptions, forwardRequest } from './forwardRequest';
import { number } from './text';

export const forward: Command = {
  name: 'forward',
  synopsis:
    'FILE [--module PATH | --source model.py[:Class] [--init JSON]] [--random SEED --shape 20,1,8 [--shape …] | --inputs IN.npz] [--quantized --engine E] [--runs N] [--outputs OUT.npz]',
  summary: 'runs one module, or the whole model by its own code, and lists the scale that is chosen at every step',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(args, forwardOptions, 1);
    const client = engine(positionals[0]);
    const request = await forwardRequest(client, positionals[0], values);
    const result = await client.call('forward', request, { signal, onProgress: progress });
    const quantized = values.quantized ?? false;
    const latency = quantized ? result.latencyUs.quantized : result.latencyUs.float;
    const outputs = result.outputs.map((output) => (quantized ? output.quantized : output.float));
    const activations = quantized ? result.products.flatMap(activationRows) : [];
    const json = {
      outputs: outputs.map(({ shape, dtype, mean, meanAbs }) => ({ shape, dtype, mean, meanAbs })),
      latencyUs: latency,
      activations,
      ...(result.program === undefined ? {} : { program: result.program }),
    };
    const text = [
      ...(result.program?.printed ?? []),
      ...outputs.map(
        ({ name, shape, mean, meanAbs }) =>
          `${name}  ${shape.join(' × ')}  mean ${number(mean)}  mean |x| ${number(meanAbs)}`,
      ),
      `${latency.median.toFixed(1)} µs median, ${latency.p95.toFixed(1)} µs p95 of ${latency.runs} runs, ${latency.threads} thread`,
      ...(result.program?.notes ?? []),
      ...activations.map(
        (a) =>
          `${a.module}.${a.weight}  call ${a.call}  step ${a.step}  scale ${number(a.scale)}  zero point ${a.zeroPoint}`,
      ),
    ].join('\n');
    return { json, text };
  },
};

function activationRows(product: ProductDto) {
  const { module, weight } = product;
  return product.scale.map((scale, i) => ({
    module,
    weight,
    call: product.call[i],
    step: product.step[i],
    min: product.min[i],
    max: product.max[i],
    scale,
    zeroPoint: product.zeroPoint[i],
  }));
}
