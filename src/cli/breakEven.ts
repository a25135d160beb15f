import { type Command, engineName, parse, UsageError, wholeNumber } from './command';
import { number, printable, table } from './text';

const options = {
  module: { type: 'string' },
  engine: { type: 'string' },
  'per-channel': { type: 'boolean' },
  runs: { type: 'string' },
} as const;

export const breakEven: Command = {
  name: 'breakeven',
  synopsis: 'FILE --module PATH [--engine E] [--per-channel] [--runs N]',
  summary:
    'measured latency of float and int8 over the size of such a layer, with this one marked; no promise for another machine',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(args, options, 1);
    if (values.module === undefined) throw new UsageError('breakeven needs --module PATH: a Linear, LSTM, GRU or RNN.');
    const request = {
      module: values.module,
      engine: engineName(values.engine),
      perChannel: values['per-channel'] ?? false,
      runs: Math.max(wholeNumber('--runs', values.runs, 30), 1),
    };
    const json = await engine(positionals[0]).call('breakEven', request, { signal, onProgress: progress });
    const rows = json.points.map(({ label, parameters, floatUs, quantizedUs, ratio, own }) => [
      own ? '→' : '',
      printable(label),
      String(parameters),
      floatUs.median.toFixed(1),
      quantizedUs.median.toFixed(1),
      ratio.toFixed(2),
    ]);
    const crossing =
      json.breakEvenParameters === null
        ? 'The curves do not cross between these sizes.'
        : `Both take the same time at about ${number(Math.round(json.breakEvenParameters))} parameters.`;
    const text = [
      table([['', 'layer', 'parameters', 'float µs', 'int8 µs', 'float / int8'], ...rows], [2, 3, 4, 5]),
      '',
      `${crossing} Medians of ${request.runs} runs here and now, one thread.`,
    ].join('\n');
    return { json, text };
  },
};
