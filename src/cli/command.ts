import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Progress } from '../core/progress';
import type { EngineName } from '../protocol/dto';
import type { QConfigNameDto, QConfigOverrideDto, QuantizedDType, QuantizeSpecDto } from '../protocol/quantizeDto';
import type { EngineClient } from '../worker/enginePool';

/** Wrong words on the command line: exit code 2. */
export class UsageError extends Error {}

export interface CommandContext {
  readonly signal: AbortSignal;
  /** A thread with this file open; without a file, a thread for other work. */
  engine(path?: string): EngineClient;
  readonly progress: Progress;
}

export interface CommandOutput {
  readonly json: unknown;
  readonly text: string;
}

/** One verb: its words, and what it answers as JSON and as text. */
export interface Command {
  readonly name: string;
  readonly synopsis: string;
  readonly summary: string;
  run(args: readonly string[], context: CommandContext): Promise<CommandOutput>;
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** Options and exactly `files` positional arguments, or a UsageError that says what is wrong. */
export function parse<T extends Options>(args: readonly string[], options: T, files: number) {
  let parsed: ReturnType<typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? `${error.message.replace(/\.$/, '')}.` : String(error));
  }
  if (parsed.positionals.length !== files) {
    throw new UsageError(
      files === 0 ? 'This verb takes no file.' : `Expected ${files} file, got ${parsed.positionals.length}.`,
    );
  }
  return parsed;
}

const engines: readonly EngineName[] = ['fbgemm', 'x86', 'onednn', 'qnnpack'];

export function engineName(value: string | undefined): EngineName {
  const name = value ?? 'fbgemm';
  if (!engines.includes(name as EngineName)) {
    throw new UsageError(`--engine must be one of ${engines.join(', ')}, not ${JSON.stringify(name)}.`);
  }
  return name as EngineName;
}

/** A whole number in strict decimal notation. */
export function wholeNumber(option: string, value: string | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (!/^\d{1,15}$/.test(value))
    throw new UsageError(`${option} must be a whole number, not ${JSON.stringify(value)}.`);
  return Number(value);
}

/** `20,1,8` as a shape. */
export function shapeOption(value: string): number[] {
  if (!/^\d+(,\d+)*$/.test(value)) throw new UsageError(`--shape must look like 20,1,8, not ${JSON.stringify(value)}.`);
  return value.split(',').map(Number);
}

export const specOptions = {
  engine: { type: 'string' },
  dtype: { type: 'string' },
  'per-channel': { type: 'boolean' },
  modules: { type: 'string' },
  exclude: { type: 'string', multiple: true },
  qconfig: { type: 'string', multiple: true },
  'half-storage': { type: 'boolean' },
} as const satisfies Options;

export interface SpecValues {
  readonly engine?: string;
  readonly dtype?: string;
  readonly 'per-channel'?: boolean;
  readonly modules?: string;
  readonly exclude?: readonly string[];
  readonly qconfig?: readonly string[];
  readonly 'half-storage'?: boolean;
}

export function quantizeSpec(values: SpecValues): QuantizeSpecDto {
  return {
    engine: engineName(values.engine),
    dtype: quantizedDType(values.dtype),
    perChannel: values['per-channel'] ?? false,
    modules:
      values.modules === undefined
        ? null
        : values.modules
            .split(',')
            .map((name) => name.trim())
            .filter(Boolean),
    exclude: values.exclude ?? [],
    overrides: (values.qconfig ?? []).map(override),
    halfStorage: values['half-storage'] ?? false,
  };
}

const quantizedDTypes: readonly QuantizedDType[] = ['qint8', 'float16', 'quint8', 'quint4x2'];

function quantizedDType(value = 'qint8'): QuantizedDType {
  const found = quantizedDTypes.find((dtype) => dtype === value);
  if (found === undefined) {
    throw new UsageError(`--dtype must be one of ${quantizedDTypes.join(', ')}, not ${JSON.stringify(value)}.`);
  }
  return found;
}

const qconfigs: readonly QConfigNameDto[] = [
  'default_dynamic',
  'per_channel_dynamic',
  'float16_dynamic',
  'float_qparams',
  'float_qparams_4bit',
];

/** `encoder.*=per_channel_dynamic`, or `decoder=none` for a module that stays float. */
function override(value: string): QConfigOverrideDto {
  const at = value.lastIndexOf('=');
  const name = value.slice(at + 1);
  const qconfig = name === 'none' ? null : qconfigs.find((each) => each === name);
  if (at < 0 || qconfig === undefined) {
    throw new UsageError(`--qconfig must look like NAME=${qconfigs.join('|')}|none, not ${JSON.stringify(value)}.`);
  }
  return { target: value.slice(0, at), qconfig };
}
