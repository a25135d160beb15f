import { formatBytes } from '../core/text';
import { type Command, parse } from './command';
import { printable, printableLines, table } from './text';

export const inspect: Command = {
  name: 'inspect',
  synopsis: 'FILE',
  summary: 'module tree, tensors, metadata, warnings and safety verdict; reads headers only',
  async run(args, { engine, signal }) {
    const { positionals } = parse(args, {}, 1);
    const json = await engine(positionals[0]).call('inspect', {}, { signal });
    const rows = json.tensors.map(({ name, shape, dtype, encoding, bytes }) => [
      printable(name),
      shape.join(' × ') || 'scalar',
      encoding ?? dtype,
      formatBytes(bytes),
    ]);
    const text = [
      `${json.file}  ${json.format}  ${formatBytes(json.bytes)}  ${json.safety.verdict}`,
      ...json.warnings.map(({ code, message }) => `warning: ${printable(message)} [${code}]`),
      '',
      printableLines(json.repr),
      '',
      table(rows, [1, 3]),
    ].join('\n');
    return { json, text };
  },
};
