import { formatShape } from '../core/shape';
import { formatBytes } from '../core/text';
import type { ComparedTensorDto, ComparisonDto } from '../protocol/compareDto';
import { type Command, parse } from './command';
import { decibels, number, printable, table } from './text';

export const diff: Command = {
  name: 'diff',
  synopsis: 'A B',
  summary: 'two files tensor by tensor: added, removed, changed, and the error of each',
  async run(args, { engine, signal, progress }) {
    const { positionals } = parse(args, {}, 2);
    const client = engine(positionals[0]);
    const json = await client.call('compareWith', { path: positionals[1] }, { signal, onProgress: progress });
    return { json, text: comparisonText(json) };
  },
};

function comparisonText({ before, after, counts, total, tensors }: ComparisonDto): string {
  const size = (side: typeof before) => `${printable(side.file)}  ${printable(side.label)}, ${formatBytes(side.bytes)}`;
  const rows = tensors.map(({ name, change, before: a, after: b, error }) => [
    change,
    printable(name),
    [sideText(a), sideText(b)].filter((text, i, all) => i === 0 || text !== all[0]).join(' → '),
    error === null ? '' : decibels(error.sqnrDb),
    error === null ? '' : number(error.maxAbsError),
  ]);
  return [
    `A ${size(before)}`,
    `B ${size(after)}`,
    '',
    ...(rows.length > 0
      ? [table([['change', 'tensor', 'shape and dtype', 'SQNR dB', 'max |error|'], ...rows], [3, 4]), '']
      : []),
    [
      `${counts.equal} equal`,
      `${counts.changed} changed`,
      `${counts.added} added`,
      `${counts.removed} removed`,
      `${counts.reshaped} of another shape`,
      ...(counts.unread > 0 ? [`${counts.unread} unreadable`] : []),
    ].join(', '),
    ...(total === null ? [] : [`all compared values: SQNR ${decibels(total.sqnrDb)} dB`]),
  ].join('\n');
}

function sideText(side: ComparedTensorDto['before']): string {
  return side === null ? '–' : `${formatShape(side.shape)} ${side.dtype}`;
}
