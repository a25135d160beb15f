import { extname, resolve } from 'node:path';
import { type ArraysDto, defaultShardBytes, type ExportFormat, type ExportRequestDto } from '../protocol/exportDto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import type { EngineClient } from '../worker/enginePool';
import { UsageError } from './command';
import { chosenPlan } from './forwardRequest';

export const exportOptions = {
  out: { type: 'string', short: 'o' },
  format: { type: 'string' },
  'torch-style': { type: 'string' },
  layout: { type: 'string' },
  'whole-module': { type: 'boolean' },
  module: { type: 'string' },
  'shard-bytes': { type: 'string' },
  force: { type: 'boolean' },
  'reduce-range': { type: 'boolean' },
  'accept-ambiguous': { type: 'boolean' },
  tensor: { type: 'string', multiple: true },
  values: { type: 'string' },
  plan: { type: 'string' },
} as const;

interface ExportValues {
  readonly format?: string;
  readonly 'torch-style'?: string;
  readonly layout?: string;
  readonly 'whole-module'?: boolean;
  readonly module?: string;
  readonly 'shard-bytes'?: string;
  readonly force?: boolean;
  readonly 'reduce-range'?: boolean;
  readonly 'accept-ambiguous'?: boolean;
  readonly tensor?: readonly string[];
  readonly values?: string;
}

const bySuffix: Readonly<Record<string, ExportFormat>> = {
  '.pt': 'torch',
  '.pth': 'torch',
  '.bin': 'torch',
  '.ckpt': 'torch',
  '.safetensors': 'safetensors',
  '.onnx': 'onnx',
  '.npz': 'npz',
  '.npy': 'npy',
  '.gguf': 'gguf',
};

/** The request that `-o OUT` and its companions mean; the format follows the suffix where it is not named. */
export function exportRequest(out: string, values: ExportValues, spec: QuantizeSpecDto | null): ExportRequestDto {
  const format = formatOf(out, values.format);
  const arrays = arraysOption(values, format, spec);
  return {
    target: resolve(out),
    format,
    spec,
    torchStyle: oneOf('--torch-style', values['torch-style'], ['1.13', '2']),
    layout: values['whole-module']
      ? 'whole_module'
      : oneOf('--layout', values.layout, ['state_dict', 'set_weight_bias', 'whole_module']),
    module: values.module ?? '',
    shardBytes: bytes(values['shard-bytes']),
    reduceRange: values['reduce-range'] ?? false,
    overwrite: values.force ?? false,
    acceptsAmbiguous: values['accept-ambiguous'] ?? false,
    ...(arrays === undefined ? {} : { arrays }),
  };
}

/** The request with the plan that `--plan` names, which lies beside the model or is proposed where it names none. */
export async function withPlan(
  client: EngineClient,
  request: ExportRequestDto,
  { plan, module }: { readonly plan?: string; readonly module?: string },
): Promise<ExportRequestDto> {
  if (plan === undefined) return request;
  if (request.format !== 'onnx') throw new UsageError('--plan goes with -o X.onnx.');
  if (module !== undefined) throw new UsageError('--plan goes without --module.');
  return { ...request, plan: (await chosenPlan(client, { plan })).plan };
}

/** Quantized, a tensor's codes are meant unless something else is said. */
function arraysOption(
  { tensor: names, values }: ExportValues,
  format: ExportFormat,
  spec: QuantizeSpecDto | null,
): ArraysDto | undefined {
  if (names === undefined) {
    if (values !== undefined) throw new UsageError('--values goes with --tensor NAME.');
    return undefined;
  }
  if (format !== 'npy' && format !== 'npz') throw new UsageError('--tensor goes with -o X.npy or X.npz.');
  const kinds = spec === null ? (['own', 'codes', 'dequantized'] as const) : (['codes', 'dequantized', 'own'] as const);
  return { names, values: oneOf('--values', values, kinds), scheme: 'per_tensor' };
}

function formatOf(out: string, named: string | undefined): ExportFormat {
  const formats = [...new Set(Object.values(bySuffix))];
  if (named !== undefined) return oneOf('--format', named, formats);
  const found = bySuffix[extname(out).toLowerCase()];
  if (found === undefined) throw new UsageError(`Say --format ${formats.join(', ')}: the name ${out} does not tell.`);
  return found;
}

function oneOf<T extends string>(option: string, value: string | undefined, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === (value ?? choices[0]));
  if (found === undefined) throw new UsageError(`${option} must be one of ${choices.join(', ')}, not ${value}.`);
  return found;
}

function bytes(value: string | undefined): number {
  if (value === undefined) return defaultShardBytes;
  if (!/^\d{1,15}$/.test(value) || Number(value) === 0)
    throw new UsageError(`--shard-bytes must be a whole number of bytes, not ${value}.`);
  return Number(value);
}
