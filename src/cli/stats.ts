import { formatShape } from '../core/shape';
import { type Command, parse, wholeNumber } from './command';
import { number, printable, table } from './text';

export const stats: Command = {
  name: 'stats',
  synopsis: 'FILE [--tensor NAME] [--bins N]',
  summary: 'min, max, mean, std, zeros, NaN and Inf counts, percentiles, histogram',
  async run(args, { engine, signal, progress }) {
    const options = { tensor: { type: 'string' }, bins: { type: 'string' } } as const;
    const { positionals, values } = parse(args, options, 1);
    const bins = Math.min(Math.max(wholeNumber('--bins', values.bins, 64), 1), 65_536);
    const { tensors, unreadable } = await engine(positionals[0]).call(
      'stats',
      { tensor: values.tensor ?? null, bins },
      { signal, onProgress: progress },
    );
    const head = ['name', 'shape', 'dtype', 'min', 'max', 'mean', 'std', 'zeros', 'nan', 'inf'];
    const rows = tensors.map((t) => [
      printable(t.name),
      formatShape(t.shape),
      t.dtype,
      ...[t.min, t.max, t.mean, t.std, t.zeros, t.nan, t.inf].map(number),
    ]);
    const left = unreadable.map(({ name, code, message }) => `${printable(name)}: ${printable(message)} [${code}]`);
    const text = table([head, ...rows], [1, 3, 4, 5, 6, 7, 8, 9]);
    return { json: { tensors, unreadable }, text: left.length === 0 ? text : [text, '', ...left].join('\n') };
  },
};
