import { formatBytes } from '../core/text';
import type { ExportReportDto } from '../protocol/exportDto';
import { type Command, parse, UsageError } from './command';
import { exportOptions, exportRequest, withPlan } from './exportOptions';
import { withOptionalValues } from './forwardRequest';
import { printable } from './text';

export const exportModel: Command = {
  name: 'export',
  synopsis:
    'FILE -o OUT [--format torch|safetensors|onnx|npz|npy|gguf] [--tensor NAME]… [--values own|codes|dequantized] [--torch-style 1.13|2] [--layout state_dict|set_weight_bias|whole_module] [--module PATH | --plan [PLAN.json]] [--force]',
  summary: 'writes the float model in another container, or single tensors as .npy and .npz; --force replaces a file',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(withOptionalValues(args), exportOptions, 1);
    if (values.out === undefined) throw new UsageError('export needs -o OUT.');
    const client = engine(positionals[0]);
    const request = await withPlan(client, exportRequest(values.out, values, null), values);
    const json = await client.call('exportModel', request, { signal, onProgress: progress });
    return { json, text: reportText(json) };
  },
};

/** The files with their sizes, and the lines that load them. */
export function reportText({ files, verified, load }: ExportReportDto): string {
  return [
    ...files.map(({ name, bytes }) => `${printable(name)}: ${formatBytes(bytes)} (${bytes} bytes)`),
    `${verified} tensors read back`,
    '',
    load,
  ].join('\n');
}
