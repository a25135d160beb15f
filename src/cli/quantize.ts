import { formatBytes } from '../core/text';
import { type Command, parse, quantizeSpec, specOptions, UsageError } from './command';
import { number, printable, printableLines, table } from './text';

export const quantize: Command = {
  name: 'quantize',
  synopsis: 'FILE [--engine fbgemm|onednn|qnnpack] [--per-channel] [--modules LSTM,Linear] [--exclude GLOB]…',
  summary: 'what dynamic quantization does to every module: bytes, scales, errors, and what stays float',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(args, { ...specOptions, out: { type: 'string', short: 'o' } } as const, 1);
    if (values.out !== undefined) throw new UsageError('Writing (-o) is not there yet; without it quantize reports.');
    const json = await engine(positionals[0]).call('quantize', quantizeSpec(values), { signal, onProgress: progress });
    const head = ['weight', 'scheme', 'scale', 'SQNR dB', 'max |error|'];
    const rows = json.modules.flatMap(({ path, weights }) =>
      weights.map((weight) => [
        printable(path === '' ? weight.name : `${path}.${weight.name}`),
        weight.scheme,
        weight.scales.length === 1 ? number(weight.scales[0]) : `${weight.scales.length} scales`,
        weight.sqnrDb.toFixed(1),
        number(weight.maxAbsError),
      ]),
    );
    const text = [
      printableLines(json.repr.after),
      '',
      ...(rows.length > 0 ? [table([head, ...rows], [2, 3, 4])] : ['0 modules quantized']),
      ...json.skipped.map(({ path, type, reason }) => `stays float: ${printable(path || '(root)')} ${type}: ${reason}`),
      '',
      `${formatBytes(json.bytes.before)} → ${formatBytes(json.bytes.after)}, ${(json.bytes.before / json.bytes.after).toFixed(2)} times smaller`,
    ].join('\n');
    return { json, text };
  },
};
