import type { AbortCheck } from '../../core/abort';
import { unsupported } from '../../core/errors';
import type { Progress } from '../../core/progress';
import { weightForms } from '../../engine/quantization/qconfigs';
import { ambiguity } from '../../formats/ambiguity';
import type { PlannedFile } from '../../formats/zip/write';
import type { ExportFormat, ExportRequestDto } from '../../protocol/exportDto';
import type { QuantizeSpecDto } from '../../protocol/quantizeDto';
import type { Model } from '../openModel';
import { draftQuantization, type QuantizeDraft } from '../quantizeModel';
import { planQuantization } from '../quantizePlan';
import { arrayExport } from './arrayExport';
import { ggufFiles } from './ggufExport';
import { loadLines } from './loadLines';
import { npzFiles } from './npzExport';
import { onnxFiles } from './onnx/onnxExport';
import { rewrittenOnnx } from './onnx/rewrite/rewriteExport';
import { safetensorsFiles } from './safetensorsExport';
import { torchFiles } from './torchExport';
import { wholeModuleFiles } from './wholeModuleExport';

/** What an export writes: files by name beside each other, the first being the one to open. */
export interface PlannedExport {
  readonly files: readonly { readonly name: string; readonly plan: PlannedFile }[];
  /** Python that loads it. */
  readonly load: string;
}

/** A request for the model, and not for single tensors of it. */
export type ModelRequest = ExportRequestDto & { readonly format: Exclude<ExportFormat, 'npy'> };

/** What was chosen for every weight, and who measures the large ones when their codes are made. */
export type Quantized = Pick<QuantizeDraft, 'report' | 'meters'>;

export interface ExportSources {
  readonly quantizedOf?: (spec: QuantizeSpecDto) => Promise<Quantized>;
  readonly hashOf?: () => Promise<string | undefined>;
}

/**
 * Plans an export: every scale is chosen now, every byte of data is made when it is written.
 * Throws what cannot be written before anything is. `quantizedOf` gives what was chosen before,
 * `hashOf` the SHA-256 of the source, for formats that name what they were made from.
 */
export async function planExport(
  model: Model,
  request: ExportRequestDto,
  abort: AbortCheck,
  progress: Progress,
  {
    quantizedOf = (spec) => draftQuantization(model, spec, abort, progress),
    hashOf = async () => undefined,
  }: ExportSources = {},
): Promise<PlannedExport> {
  if (request.acceptsAmbiguous !== true) refuseAmbiguous(model);
  // A backslash is part of a name where it separates no folders; the caller knows, and gives the name alone there.
  const fileName = request.target.split('/').at(-1) ?? request.target;
  const { arrays, format } = request;
  if (arrays !== undefined || format === 'npy') return arrayExport(model, request, fileName, abort);
  refuseQuantizedSource(model);
  refuseOtherForms(model, request);
  const whole = { ...request, format };
  const files = await plan(model, whole, fileName, abort, progress, { quantizedOf, hashOf });
  return {
    files,
    load: loadLines(
      model,
      whole,
      files.map(({ name }) => name),
    ),
  };
}

async function plan(
  model: Model,
  request: ModelRequest,
  fileName: string,
  abort: AbortCheck,
  progress: Progress,
  { quantizedOf, hashOf }: Required<ExportSources>,
): Promise<PlannedExport['files']> {
  const { spec, format } = request;
  if (format === 'gguf') return ggufFiles(model, request, fileName, abort);
  // A graph's own report is that of the rewritten graph; other forms hold modules.
  const modulesOf =
    model.file.onnx === undefined ? quantizedOf : (s: QuantizeSpecDto) => draftQuantization(model, s, abort, progress);
  if (format === 'onnx' && model.file.onnx !== undefined)
    return rewrittenOnnx(model, request, fileName, abort, progress);
  const quantized = spec === null ? undefined : await modulesOf(spec);
  switch (format) {
    case 'torch':
      if (request.layout === 'whole_module') return wholeModuleFiles(model, request, fileName, quantized, abort);
      return torchFiles(model, request, fileName, quantized, abort);
    case 'safetensors':
      return safetensorsFiles(model, request, fileName, quantized, spec === null ? undefined : await hashOf(), abort);
    case 'npz':
      return npzFiles(model, fileName, quantized, abort);
    case 'onnx':
      return onnxFiles(model, request, fileName, quantized?.report, abort);
  }
}

/** Half precision and tables have a form in PyTorch's own modules only. */
function refuseOtherForms(model: Model, { spec, format, layout }: ExportRequestDto): void {
  if (spec === null || (format === 'torch' && layout !== 'set_weight_bias')) return;
  if (format === 'onnx' && model.file.onnx !== undefined) return;
  for (const [path, qconfig] of planQuantization(model.root, spec).qconfigs) {
    if (weightForms[qconfig].kind === 'int8') continue;
    throw unsupported(
      'E_EXPORT_DTYPE',
      `${path || 'The model'} with ${qconfig} can only be written as PyTorch's state dict.`,
      {
        hint: 'Export to torch, or choose qint8.',
      },
    );
  }
}

/** Whoever checked the file with another tool may have checked another model than the one that is written. */
function refuseAmbiguous(model: Model): void {
  const reason = ambiguity(model.file);
  if (reason === undefined) return;
  throw unsupported('E_EXPORT_AMBIGUOUS', 'Tools disagree which model this file is, so it is not exported unasked.', {
    where: { file: model.fileName },
    found: reason.message,
    expected: 'a file that every tool reads alike',
    hint: 'What Quantscope shows is what PyTorch loads. Say that this is the model you mean (--accept-ambiguous), or save the model anew.',
  });
}

/** A file's own int8 weights would be dequantized and quantized again: nobody means that. */
function refuseQuantizedSource(model: Model): void {
  for (const { name, record } of model.tensors.values()) {
    if (record.quantization === undefined) continue;
    throw unsupported(
      'E_EXPORT_QUANTIZED',
      'This file is quantized already; export the float model it was made from.',
      {
        where: { file: model.fileName, tensor: name },
      },
    );
  }
}
