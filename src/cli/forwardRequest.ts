import type { ForwardRequestDto } from '../protocol/dto';
import type { EngineClient } from '../worker/enginePool';
import { engineName, shapeOption, UsageError, wholeNumber } from './command';

export const forwardOptions = {
  module: { type: 'string' },
  random: { type: 'string' },
  inputs: { type: 'string' },
  shape: { type: 'string', multiple: true },
  engine: { type: 'string' },
  'per-channel': { type: 'boolean' },
  quantized: { type: 'boolean' },
  runs: { type: 'string' },
  threads: { type: 'string' },
} as const;

interface ForwardValues {
  readonly module?: string;
  readonly random?: string;
  readonly inputs?: string;
  readonly shape?: readonly string[];
  readonly engine?: string;
  readonly 'per-channel'?: boolean;
  readonly runs?: string;
  readonly threads?: string;
}

const warmup = 30;

/** What to run, from the options; without `--shape` and `--module` the file's own first module with its default inputs. */
export async function forwardRequest(
  client: EngineClient,
  path: string,
  values: ForwardValues,
): Promise<ForwardRequestDto> {
  if (wholeNumber('--threads', values.threads, 1) !== 1) throw new UsageError('--threads: only 1 is there yet.');
  const { runnable } = await client.call('open', { path });
  const found = values.module === undefined ? runnable[0] : runnable.find((module) => module.path === values.module);
  if (found === undefined) {
    const names = runnable.map((module) => module.path || '(root)').join(', ');
    throw new UsageError(
      `--module: no module of that name can be run. ${names === '' ? 'This file has none.' : `Try ${names}.`}`,
    );
  }
  if (values.inputs !== undefined && (values.random !== undefined || values.shape !== undefined)) {
    throw new UsageError('--inputs goes without --random and --shape.');
  }
  const shapes = values.shape?.map(shapeOption) ?? found.inputs.map(({ shape }) => shape);
  return {
    module: found.path,
    seed: wholeNumber('--random', values.random, 29592),
    shapes,
    inputs: values.inputs === undefined ? null : { kind: 'file', path: values.inputs },
    engine: engineName(values.engine),
    perChannel: values['per-channel'] ?? false,
    runs: Math.max(wholeNumber('--runs', values.runs, 100), 1),
    warmup,
  };
}
