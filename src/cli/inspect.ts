import { formatShape } from '../core/shape';
import { formatBytes } from '../core/text';
import type { VerificationDto } from '../protocol/modelDto';
import { type Command, parse } from './command';
import { printable, printableLines, table } from './text';

const options = { verify: { type: 'boolean' }, source: { type: 'string' } } as const;

export const inspect: Command = {
  name: 'inspect',
  synopsis: 'FILE [--verify] [--source NAME]',
  summary: 'module tree, tensors, metadata, warnings and safety verdict; reads headers only; --verify reads every byte',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(args, options, 1);
    const client = engine(positionals[0]);
    if (values.source !== undefined) {
      const source = await client.call('readSource', { name: values.source }, { signal });
      return { json: source, text: printableLines(source.text) };
    }
    const inspected = await client.call('inspect', {}, { signal });
    const verify = values.verify ? await client.call('verify', {}, { signal, onProgress: progress }) : undefined;
    const json = verify === undefined ? inspected : { ...inspected, verify };
    const rows = json.tensors.map(({ name, shape, dtype, encoding, bytes }) => [
      printable(name),
      formatShape(shape),
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
      ...json.sources.map(({ name, bytes }) => `source: ${printable(name)}  ${formatBytes(bytes)}`),
      ...(verify === undefined ? [] : ['', ...verificationLines(verify)]),
    ].join('\n');
    return { json, text };
  },
};

function verificationLines({ checksums, records, bytes, problems }: VerificationDto): string[] {
  if (!checksums) return ['not verified: this format has no checksums'];
  if (problems.length === 0) return [`verified: ${records} records, ${formatBytes(bytes)}, every checksum is right`];
  return problems.map(({ message, code }) => `damaged: ${printable(message)} [${code}]`);
}
