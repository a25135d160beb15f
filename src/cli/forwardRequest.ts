import { dirname, join } from 'node:path';
import {
  type ForwardRequestDto,
  type GivenInputsDto,
  type ModelSourceDto,
  type OnnxForwardRequestDto,
  tokenizerName,
  type WholeModelDto,
} from '../protocol/forwardDto';
import type { PlanReportDto } from '../protocol/planDto';
import type { EngineClient } from '../worker/enginePool';
import { quantizeSpec, type SpecValues, shapeOption, specOptions, UsageError, wholeNumber } from './command';

/** What runs, by which code, and on which inputs. */
export const inputOptions = {
  module: { type: 'string' },
  source: { type: 'string' },
  init: { type: 'string' },
  root: { type: 'string' },
  plan: { type: 'string' },
  random: { type: 'string' },
  shape: { type: 'string', multiple: true },
  inputs: { type: 'string' },
  text: { type: 'string' },
  tokenizer: { type: 'string' },
} as const;

export const forwardOptions = {
  ...specOptions,
  ...inputOptions,
  quantized: { type: 'boolean' },
  runs: { type: 'string' },
  threads: { type: 'string' },
  outputs: { type: 'string' },
  activations: { type: 'string' },
  product: { type: 'string' },
  call: { type: 'string' },
  step: { type: 'string' },
  trace: { type: 'string' },
  value: { type: 'string', multiple: true },
  'save-plan': { type: 'string' },
} as const;

type InputOption = 'inputs' | 'text' | 'tokenizer' | 'random' | 'shape';

interface ForwardValues extends SpecValues {
  readonly module?: string;
  readonly random?: string;
  readonly inputs?: string;
  readonly text?: string;
  readonly tokenizer?: string;
  readonly shape?: readonly string[];
  readonly runs?: string;
  readonly threads?: string;
  readonly source?: string;
  readonly init?: string;
  readonly root?: string;
  readonly outputs?: string;
  readonly trace?: string;
  readonly activations?: string;
  readonly value?: readonly string[];
  readonly quantized?: boolean;
  readonly plan?: string;
  readonly 'save-plan'?: string;
}

/** `--plan` and `--save-plan` may stand alone; a plan's file ends in .json, so that a model after them is none. */
export function withOptionalValues(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    const alone = (arg === '--plan' || arg === '--save-plan') && !/\.json$/i.test(args[i + 1] ?? '');
    return alone ? [`${arg}=`] : [arg];
  });
}

/** The plan to run: the named one, else the one that was saved beside the model, else a proposal. */
export async function chosenPlan(client: EngineClient, { plan }: Pick<ForwardValues, 'plan'>): Promise<PlanReportDto> {
  if (plan !== undefined && plan !== '') return client.call('loadPlan', { path: plan });
  const proposed = await client.call('proposePlan', {});
  return proposed.saved === null ? proposed : client.call('loadPlan', { path: proposed.saved });
}

const warmup = 30;
/** More would wait for each other. */
const maxThreads = 16;

/** What to run, from the options; without `--module` the whole model where code for it is known, else the file's first module. */
export async function forwardRequest(
  client: EngineClient,
  path: string,
  values: ForwardValues,
): Promise<ForwardRequestDto> {
  const threads = wholeNumber('--threads', values.threads, 1);
  if (threads < 1 || threads > maxThreads) throw new UsageError(`--threads: from 1 to ${maxThreads}.`);
  const { runnable, code } = await client.call('open', { path });
  if (values.plan !== undefined && (values.source !== undefined || values.module !== undefined)) {
    throw new UsageError('--plan goes without --source and --module.');
  }
  const plan = values.plan === undefined ? undefined : (await chosenPlan(client, values)).plan;
  const source = values.source === undefined ? undefined : sourceOption(values.source, values.init, values.root);
  const own = code === 'onnx' || (code === 'archive' && runnable[0]?.path === '');
  const whole = values.module === undefined && (source !== undefined || own);
  const found = plan
    ? { path: '', inputs: plan.inputs }
    : whole
      ? { path: '', inputs: await proposedInputs(client, source, values) }
      : values.module === undefined
        ? runnable[0]
        : runnable.find((module) => module.path === values.module);
  if (found === undefined) {
    const names = runnable.map((module) => module.path || '(root)').join(', ');
    throw new UsageError(
      `--module: no module of that name can be run. ${names === '' ? 'This file has none.' : `Try ${names}.`}`,
    );
  }
  const spec = quantizeSpec(values);
  const shapes = values.shape?.map(shapeOption) ?? found.inputs.map(({ shape }) => shape);
  return {
    module: found.path,
    seed: wholeNumber('--random', values.random, 29592),
    shapes,
    inputs: givenInputs(path, values),
    engine: spec.engine,
    perChannel: spec.perChannel,
    spec,
    runs: Math.max(wholeNumber('--runs', values.runs, 100), 1),
    warmup,
    threads,
    ...(plan === undefined ? {} : { plan }),
    ...(source === undefined ? {} : { source }),
    ...(values.outputs === undefined
      ? {}
      : { outputsFile: { path: values.outputs, quantized: values.quantized ?? false } }),
  };
}

/** Inputs that do not come from the seed: a file's, or a text by the tokenizer that lies beside the model unless one is named. */
export function givenInputs(
  path: string,
  { inputs, text, tokenizer, random, shape }: Pick<ForwardValues, InputOption>,
): GivenInputsDto | null {
  const given = [inputs, text].filter((each) => each !== undefined).length;
  if (given > 1 || (given === 1 && (random !== undefined || shape !== undefined))) {
    throw new UsageError(`${inputs === undefined ? '--text' : '--inputs'} goes without other inputs.`);
  }
  if (tokenizer !== undefined && text === undefined) throw new UsageError('--tokenizer goes with --text.');
  if (inputs !== undefined) return { kind: 'file', path: inputs };
  return text === undefined ? null : { kind: 'text', text, tokenizer: tokenizer ?? join(dirname(path), tokenizerName) };
}

/** `encoder.lstm.weight_hh_l0`: the module's path and the weight's own name. */
export function productOption(verb: string, value: string | undefined): [module: string, weight: string] {
  const [, module = '', weight] = /^(?:(.*?)\.)?((?:0\.)?weight\w*)$/.exec(value ?? '') ?? [];
  if (weight === undefined) {
    throw new UsageError(
      `${verb} needs --product MODULE.WEIGHT, as forward --quantized lists them: lstm.weight_hh_l0.`,
    );
  }
  return [module, weight];
}

/** What the code of the whole model takes; nothing where the options say it. */
async function proposedInputs(
  client: EngineClient,
  source: ModelSourceDto | undefined,
  { shape, inputs }: ForwardValues,
): Promise<WholeModelDto['inputs']> {
  if (shape !== undefined || inputs !== undefined) return [];
  return (await client.call('whole', source === undefined ? {} : { source })).inputs;
}

/** `model.py:Class` or `model.py`, `__init__`'s arguments as a JSON object, and where imports are looked for. */
export function sourceOption(value: string, init: string | undefined, root?: string): ModelSourceDto {
  const [, path, className] = /^(.*\.(?:py|ipynb))(?::(\w+))?$/i.exec(value) ?? [];
  if (path === undefined)
    throw new UsageError(`--source must look like model.py or model.py:Class, not ${JSON.stringify(value)}.`);
  let given: unknown = {};
  try {
    given = JSON.parse(init ?? '{}');
  } catch {
    throw new UsageError(`--init must be a JSON object, not ${JSON.stringify(init)}.`);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new UsageError('--init must be a JSON object.');
  return {
    path,
    className: className ?? null,
    init: given as Readonly<Record<string, unknown>>,
    ...(root === undefined ? {} : { root }),
  };
}

/** The same options for an ONNX graph. */
export function onnxRequest(path: string, values: ForwardValues): OnnxForwardRequestDto {
  return {
    seed: wholeNumber('--random', values.random, 29592),
    shapes: values.shape?.map(shapeOption) ?? [],
    inputs: givenInputs(path, values),
    outputsFile: values.outputs ?? null,
    values: values.value ?? [],
    spec: quantizeSpec(values),
    quantized: values.quantized === true || values.trace !== undefined || values.activations !== undefined,
    quantizedOutputs: values.quantized ?? false,
    runs: Math.max(wholeNumber('--runs', values.runs, 100), 1),
    warmup,
  };
}
