import { formatBytes } from '../core/text';
import type { SensitivityDto, SensitivityRequestDto } from '../protocol/answersDto';
import type { EngineClient } from '../worker/enginePool';
import { type Command, parse, quantizeSpec, shapeOption, specOptions, UsageError, wholeNumber } from './command';
import { chosenPlan, givenInputs, inputOptions, sourceOption, withOptionalValues } from './forwardRequest';
import { decibels, printable, table } from './text';

const options = {
  ...specOptions,
  ...inputOptions,
  target: { type: 'string' },
  budget: { type: 'string' },
} as const;

type Values = ReturnType<typeof parse<typeof options>>['values'];

export const sensitivity: Command = {
  name: 'sensitivity',
  synopsis:
    'FILE [--module PATH | --source model.py[:Class] [--init JSON] [--root DIR] | --plan [PLAN.json]] [--inputs IN.npz | --text TEXT [--tokenizer tokenizer.json] | --random SEED [--shape 20,1,8]…] [--target DB | --budget BYTES] [same options as quantize]',
  summary:
    'each layer quantized alone, the most sensitive first, and which layers to keep in float for an SQNR or a size',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(withOptionalValues(args), options, 1);
    const client = engine(positionals[0]);
    const request = await requestOf(client, positionals[0], values);
    const json = await client.call('sensitivity', request, { signal, onProgress: progress });
    return { json, text: sensitivityText(json, request) };
  },
};

async function requestOf(client: EngineClient, path: string, values: Values): Promise<SensitivityRequestDto> {
  const { target, budget, source, init, root, plan } = values;
  if (target !== undefined && budget !== undefined) throw new UsageError('--target goes without --budget.');
  if (plan !== undefined && source !== undefined) throw new UsageError('--plan goes without --source.');
  return {
    spec: quantizeSpec(values),
    module: values.module ?? '',
    seed: wholeNumber('--random', values.random, 29592),
    shapes: values.shape?.map(shapeOption) ?? null,
    inputs: givenInputs(path, values),
    targetDb: target === undefined ? null : decibelOption(target),
    maxBytes: budget === undefined ? null : wholeNumber('--budget', budget, 0),
    ...(source === undefined ? {} : { source: sourceOption(source, init, root) }),
    ...(plan === undefined ? {} : { plan: (await chosenPlan(client, values)).plan }),
  };
}

function decibelOption(value: string): number {
  if (!/^-?\d+(\.\d+)?$/.test(value))
    throw new UsageError(`--target must be a number of dB, not ${JSON.stringify(value)}.`);
  return Number(value);
}

function sensitivityText(
  { scope, reason, inputs, layers, curve, suggestion, seed }: SensitivityDto,
  { targetDb, maxBytes, inputs: given }: SensitivityRequestDto,
): string {
  const shapes = inputs.map(({ name, shape }) => `${name} ${shape.join(' × ')}`).join(', ');
  const where =
    scope === 'model'
      ? `Errors at the output of the whole model, on ${given == null ? `random inputs of seed ${seed}` : 'the given inputs'}: ${shapes}.`
      : `Errors of each layer by itself on random inputs of seed ${seed}: the whole cannot be run, ${reason}.`;
  const rows = layers.map(({ path, type, sqnrDb, percent, bytes }) => [
    printable(path || '(root)'),
    printable(type),
    decibels(sqnrDb),
    `${percent.toPrecision(3)} %`,
    formatBytes(bytes.before - bytes.after),
  ]);
  const points = curve.map(({ keep, bytes, sqnrDb, measuredDb }, i) => [
    i === 0 ? 'all in int8' : `and ${printable(keep[i - 1] || '(root)')}`,
    formatBytes(bytes),
    decibels(sqnrDb),
    measuredDb === null ? '–' : decibels(measuredDb),
  ]);
  return [
    where,
    '',
    table([['layer', 'type', 'SQNR dB', 'noise', 'int8 saves'], ...rows], [2, 3, 4]),
    '',
    table([['kept in float', 'size', 'expected dB', 'measured dB'], ...points], [1, 2, 3]),
    ...(suggestion === null ? [] : ['', suggestionText(suggestion, targetDb, maxBytes)]),
  ].join('\n');
}

function suggestionText(
  { keep, bytes, sqnrDb, measuredDb, reached }: NonNullable<SensitivityDto['suggestion']>,
  targetDb: number | null,
  maxBytes: number | null,
): string {
  const wish = targetDb === null ? `${maxBytes} bytes` : `${targetDb} dB`;
  const names = keep.length === 0 ? 'no layer' : keep.map((path) => printable(path || '(root)')).join(', ');
  const result = `${formatBytes(bytes)}, ${decibels(measuredDb ?? sqnrDb)} dB${measuredDb === null ? ' expected' : ''}`;
  const words = keep.map((path) => `--exclude ${path}`).join(' ');
  return [
    reached
      ? `For ${wish} keep ${names} in float: ${result}.`
      : `${wish} cannot be reached; nearest: ${names} in float, ${result}.`,
    ...(words === '' ? [] : [printable(`quantize with ${words}`)]),
  ].join('\n');
}
