import { formatBytes } from '../core/text';
import { type Command, parse, quantizeSpec, specOptions } from './command';
import { reportText } from './exportModel';
import { exportOptions, exportRequest, withPlan } from './exportOptions';
import { withOptionalValues } from './forwardRequest';
import { decibels, number, printable, printableLines, table } from './text';

export const quantize: Command = {
  name: 'quantize',
  synopsis:
    'FILE [-o OUT] [--engine fbgemm|x86|onednn|qnnpack] [--dtype qint8|float16|quint8|quint4x2] [--per-channel] [--half-storage] [--modules LSTM,Linear] [--exclude GLOB]… [--qconfig NAME=QCONFIG]… [--format torch|safetensors|onnx|npz|npy|gguf] [--tensor NAME]… [--values codes|dequantized] [--module PATH | --plan [PLAN.json]]',
  summary: 'what dynamic quantization does to every module: bytes, scales, errors, and what stays float',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(withOptionalValues(args), { ...specOptions, ...exportOptions } as const, 1);
    const spec = quantizeSpec(values);
    const client = engine(positionals[0]);
    const request =
      values.out === undefined ? undefined : await withPlan(client, exportRequest(values.out, values, spec), values);
    // First, since it makes all codes: the report has what was measured meanwhile.
    const written =
      request === undefined ? undefined : await client.call('exportModel', request, { signal, onProgress: progress });
    const report = await client.call('quantize', spec, { signal, onProgress: progress });
    const json = written === undefined ? report : { ...report, export: written };
    const head = ['weight', 'scheme', 'scale', 'SQNR dB', 'max |error|'];
    const rows = json.modules.flatMap(({ path, weights }) =>
      weights.map((weight) => [
        printable(path === '' ? weight.name : `${path}.${weight.name}`),
        weight.dtype === 'float16' ? 'float16' : weight.scheme,
        scaleText(weight.scales),
        decibels(weight.sqnrDb),
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
      ...(written === undefined ? [] : ['', reportText(written)]),
    ].join('\n');
    return { json, text };
  },
};

/** Half precision has no scale. */
function scaleText(scales: readonly number[]): string {
  if (scales.length === 0) return '–';
  return scales.length === 1 ? number(scales[0]) : `${scales.length} scales`;
}
