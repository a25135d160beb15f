import { formatBytes } from '../core/text';
import { type Command, parse, quantizeSpec, specOptions } from './command';
import { printable, table } from './text';

export const coverage: Command = {
  name: 'coverage',
  synopsis: 'FILE [--headers-only] [same options as quantize]',
  summary: 'every module with what quantization does to it and why; reads the weights to find NaN and infinity',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(args, { ...specOptions, 'headers-only': { type: 'boolean' } } as const, 1);
    const request = { spec: quantizeSpec(values), values: !(values['headers-only'] ?? false) };
    const json = await engine(positionals[0]).call('coverage', request, { signal, onProgress: progress });
    const rows = json.rows.map(({ path, type, status, reason, bytes: { before, after } }) => [
      printable(path || '(root)'),
      printable(type),
      status,
      before === after ? formatBytes(before) : `${formatBytes(before)} → ${formatBytes(after)}`,
      printable(reason),
    ]);
    const text = [
      table([['module', 'type', 'becomes', 'bytes', 'reason'], ...rows], [3]),
      '',
      `${json.quantized} quantized, ${json.float} float; ${(100 * json.share).toFixed(1)} % of the parameters`,
    ].join('\n');
    return { json, text };
  },
};
