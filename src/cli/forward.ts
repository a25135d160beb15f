import type {
  ForwardRequestDto,
  ForwardResultDto,
  OnnxForwardDto,
  ProductDto,
  SavedArraysDto,
} from '../protocol/forwardDto';
import type { EngineClient } from '../worker/enginePool';
import { type Command, type CommandOutput, parse, UsageError, wholeNumber } from './command';
import {
  chosenPlan,
  forwardOptions,
  forwardRequest,
  onnxRequest,
  productOption,
  withOptionalValues,
} from './forwardRequest';
import { number, printable } from './text';

export const forward: Command = {
  name: 'forward',
  synopsis:
    'FILE [--module PATH | --source model.py[:Class] [--init JSON] [--root DIR] | --plan [PLAN.json]] [--save-plan [PLAN.json]] [--random SEED --shape 20,1,8 [--shape …] | --inputs IN.npz | --text TEXT [--tokenizer tokenizer.json]] [--quantized] [options of quantize: --engine E --dtype D --per-channel --modules M --exclude GLOB --qconfig NAME=Q] [--threads N] [--runs N] [--outputs OUT.npz] [--activations OUT.npz|OUT.npy --product MODULE.WEIGHT [--call N] [--step N]] [--trace TRACE.json]',
  summary: 'runs one module, or the whole model by its own code, and lists the scale that is chosen at every step',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(withOptionalValues(args), forwardOptions, 1);
    const client = engine(positionals[0]);
    const { format } = await client.call('open', { path: positionals[0] });
    if (format === 'onnx' && values.module === undefined) {
      const request = onnxRequest(positionals[0], values);
      const result = await client.call('onnxForward', request, { signal, onProgress: progress });
      if (values.trace !== undefined) {
        const trace = { module: '', engine: 'onnxruntime', products: result.quantized?.products ?? [] };
        await client.call('writeText', { path: values.trace, text: traceText(trace) }, { signal });
      }
      if (values.activations !== undefined) {
        const product = graphProduct(result.quantized?.products ?? [], values.product);
        await saveActivations(client, await forwardRequest(client, positionals[0], values), product, values, signal);
      }
      return onnxOutput(result, values.quantized ?? false);
    }
    if (values['save-plan'] !== undefined) return savedPlan(client, values['save-plan'], values.plan);
    const request = await forwardRequest(client, positionals[0], values);
    const result = await client.call('forward', request, { signal, onProgress: progress });
    // A file that is quantized has no other outputs of its own.
    const quantized = values.quantized ?? result.stored ?? false;
    const latency = quantized ? result.latencyUs.quantized : result.latencyUs.float;
    const outputs = result.outputs.map((output) => (quantized ? output.quantized : output.float));
    if (values.activations !== undefined) {
      await saveActivations(client, request, productOption('--activations', values.product), values, signal);
    }
    if (values.trace !== undefined)
      await client.call('writeText', { path: values.trace, text: traceText(result) }, { signal });
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
      `${latency.median.toFixed(1)} µs median, ${latency.p95.toFixed(1)} µs p95 of ${latency.runs} runs, ${latency.threads} ${latency.threads === 1 ? 'thread' : 'threads'}`,
      ...(result.program?.notes ?? []),
      ...activations.map(activationText),
    ].join('\n');
    return { json, text };
  },
};

type ActivationValues = Readonly<Partial<Record<'activations' | 'call' | 'step', string>>>;
type ProductName = readonly [module: string, weight: string];

async function saveActivations(
  client: EngineClient,
  request: ForwardRequestDto,
  product: ProductName,
  values: ActivationValues,
  signal: AbortSignal,
): Promise<void> {
  const { activations: target = '' } = values;
  await client.call('saveForward', { request, what: activationOption(values, product), target }, { signal });
}

/** A .npz has every call and step of a product, with its codes and scales; a .npy the values of one. */
function activationOption(
  { activations = '', call, step }: ActivationValues,
  [module, weight]: ProductName,
): SavedArraysDto {
  if (!/\.npy$/i.test(activations)) return { kind: 'activation', module, weight };
  const at = { call: wholeNumber('--call', call, 0), step: wholeNumber('--step', step, 0) };
  return { kind: 'step', module, weight, ...at, which: 'values' };
}

/** Weights of a graph have any names: the product is the one that the run listed so. */
function graphProduct(products: readonly ProductDto[], asked: string | undefined): ProductName {
  const names = products.map(({ module, weight }) => (module === '' ? weight : `${module}.${weight}`));
  const at = names.findIndex((name, i) => asked === name || asked === `${products[i].module}.${products[i].weight}`);
  if (at >= 0) return [products[at].module, products[at].weight];
  const some = names.slice(0, 10).map(printable).join(', ');
  throw new UsageError(
    `--activations needs --product with the name of a quantized product. ${some === '' ? 'This graph has none.' : `Try ${some}.`}`,
  );
}

/** Writes the plan to be edited, and says what it takes for granted; nothing runs. */
async function savedPlan(client: EngineClient, path: string, from: string | undefined): Promise<CommandOutput> {
  const report = await chosenPlan(client, { plan: from });
  const written = await client.call('savePlan', { plan: report.plan, path: path === '' ? null : path });
  const { assumptions, unused, python, plan } = report;
  const text = [
    python,
    ...assumptions.map((one) => `assumed: ${one}`),
    ...unused.map(({ path: module, why }) => `left out: ${module || '(root)'}: ${why}`),
    `written: ${written.path}, ${written.bytes} bytes`,
  ].join('\n');
  return { json: { path: written.path, bytes: written.bytes, plan, python, assumptions, unused }, text };
}

/** The outputs of an ONNX graph and the values that were asked for after them; with the quantized graph, both. */
function onnxOutput({ outputs, latencyUs, quantized, same }: OnnxForwardDto, both: boolean): CommandOutput {
  const shown = ({
    outputs: list,
    latencyUs: { median, p95, runs },
  }: Pick<OnnxForwardDto, 'outputs' | 'latencyUs'>) => [
    ...list.map(
      ({ name, shape, mean, meanAbs }) =>
        `${name}  ${shape.join(' × ')}  mean ${number(mean)}  mean |x| ${number(meanAbs)}`,
    ),
    `${median.toFixed(1)} µs median, ${p95.toFixed(1)} µs p95 of ${runs} runs, 1 thread of ONNX Runtime`,
  ];
  if (quantized === undefined || !both)
    return { json: { outputs, latencyUs, activations: [] }, text: shown({ outputs, latencyUs }).join('\n') };
  const { accuracy, bytes, products } = quantized;
  const activations = products.flatMap(activationRows);
  const text = [
    'float32',
    ...shown({ outputs, latencyUs }),
    'int8',
    ...shown(quantized),
    `mean |difference| ${number(accuracy.meanAbsDiff)}, ${accuracy.percent.toFixed(2)} %, ${number(accuracy.sqnrDb)} dB; int8 graph ${bytes} bytes`,
    ...(same === undefined ? [] : [sameGraph[same]]),
    ...activations.map(activationText),
  ].join('\n');
  const json = {
    outputs: quantized.outputs,
    latencyUs: quantized.latencyUs,
    activations,
    float: { outputs, latencyUs },
    accuracy,
    bytes,
    ...(same === undefined ? {} : { same }),
  };
  return { json, text };
}

/** Why float32 and int8 are one and the same. */
const sameGraph = {
  stored: 'The graph was quantized before it was saved: float32 and int8 are the same graph.',
  float: 'Nothing in this graph is quantized: float32 and int8 are the same graph.',
};

/** Every scale that was chosen while the quantized model ran, whichever of the two was asked for. */
function traceText({
  module,
  engine,
  products,
}: Pick<ForwardResultDto, 'module' | 'products'> & { readonly engine: string }): string {
  const trace = { module, engine, activations: products.flatMap(activationRows) };
  return `${JSON.stringify(trace, null, 2)}\n`;
}

type ActivationRow = ReturnType<typeof activationRows>[number];

function activationText({ module, weight, call, step, scale, zeroPoint }: ActivationRow): string {
  return `${printable(module)}.${printable(weight)}  call ${call}  step ${step}  scale ${number(scale)}  zero point ${zeroPoint}`;
}

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
