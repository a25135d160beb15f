import { join } from 'node:path';
import { formatError, toErrorDetails } from '../core/errors';
import { TimeLeft } from '../core/progress';
import { EngineClient } from '../worker/enginePool';
import { bench } from './bench';
import { breakEven } from './breakEven';
import { type Command, type CommandContext, UsageError } from './command';
import { compare } from './compare';
import { coverage } from './coverage';
import { diff } from './diff';
import { explain } from './explain';
import { exportModel } from './exportModel';
import { forward } from './forward';
import { inspect } from './inspect';
import { progressText } from './progressText';
import { quantize } from './quantize';
import { recipe } from './recipe';
import { report } from './report';
import { scan } from './scan';
import { sensitivity } from './sensitivity';
import { stats } from './stats';
import { weights } from './weights';

const commands: readonly Command[] = [
  inspect,
  stats,
  quantize,
  forward,
  compare,
  coverage,
  weights,
  sensitivity,
  explain,
  breakEven,
  recipe,
  exportModel,
  diff,
  report,
  scan,
  bench,
];

const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

function usage(): string {
  return [
    'Usage: quantscope VERB [FILE] [options]',
    '',
    ...commands.map(({ name, synopsis, summary }) => `  ${`${name} ${synopsis}`.trimEnd()}\n      ${summary}`),
    '',
    '  --json   print one JSON document instead of text',
    '  --help   this text',
  ].join('\n');
}

async function main(argv: readonly string[]): Promise<number> {
  const [verb, ...rest] = argv;
  if (verb === undefined || verb === '--help' || verb === '-h' || verb === 'help') {
    process.stdout.write(`${usage()}\n`);
    return verb === undefined ? exitCodes.usage : exitCodes.done;
  }
  const command = commands.find(({ name }) => name === verb);
  const json = rest.includes('--json');
  try {
    if (command === undefined) throw new UsageError(`There is no verb ${JSON.stringify(verb)}.`);
    await run(
      command,
      rest.filter((argument) => argument !== '--json'),
      json,
    );
    return exitCodes.done;
  } catch (error) {
    return reportFailure(error, json);
  }
}

async function run(command: Command, args: readonly string[], json: boolean): Promise<void> {
  const clients: EngineClient[] = [];
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  const context: CommandContext = {
    signal: controller.signal,
    engine(path) {
      const client = new EngineClient(path, { workerPath: join(__dirname, 'engineWorker.js') });
      clients.push(client);
      return client;
    },
    progress: progressLine(),
  };
  try {
    const output = await command.run(args, context);
    process.stdout.write(`${json ? JSON.stringify(output.json) : output.text}\n`);
  } finally {
    clearProgress();
    for (const client of clients) client.dispose();
  }
}

/** One line on stderr, and one JSON document on stdout where a script waits for it. */
function reportFailure(error: unknown, json: boolean): number {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message} See quantscope --help.\n`);
    return exitCodes.usage;
  }
  const details = toErrorDetails(error);
  if (details.kind === 'aborted') return exitCodes.interrupted;
  if (json) {
    const { code, message, where } = details;
    const body = {
      code,
      message,
      file: where?.file ?? null,
      offset: where?.offset ?? null,
      tensor: where?.tensor ?? null,
    };
    process.stdout.write(`${JSON.stringify({ error: body })}\n`);
  }
  process.stderr.write(`quantscope: ${formatError(details).replaceAll('\n', ' ')}\n`);
  return exitCodes.failed;
}

function progressLine(): CommandContext['progress'] {
  if (!process.stderr.isTTY) return () => {};
  const left = new TimeLeft();
  return (done, total, what, unit) => {
    process.stderr.write(`\r\x1b[K${progressText(done, total, what, unit, left.seconds(done, total))}`);
  };
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader such as `head` may close the pipe early; that is no failure.
  if (error.code === 'EPIPE') process.exit(exitCodes.done);
  throw error;
});

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
