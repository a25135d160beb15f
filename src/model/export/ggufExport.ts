import type { AbortCheck } from '../../core/abort';
import { unsupported } from '../../core/errors';
import { fitsEncoding, type GgufEncoding, planGguf } from '../../formats/gguf/write';
import type { ExportRequestDto } from '../../protocol/exportDto';
import { readValues } from '../loadModule';
import { walk } from '../moduleTree';
import type { Model } from '../openModel';
import type { PlannedExport } from './exportModel';
import { isGgufName } from './ggufNames';

/** llama_ftype: what most tensors are stored as. */
const fileTypes = { F16: 1, Q8_0: 7 } as const;

/**
 * GGUF for models whose tensors have llama.cpp's names already: F16, or Q8_0 where the model is to
 * be quantized and a row is whole blocks of 32. Vectors stay float32, as llama.cpp keeps them.
 * Other names are refused: a file that no program can use would be no export. So is a GGUF, whose
 * hyperparameters and vocabulary would be left behind.
 */
export function ggufFiles(
  model: Model,
  { spec }: ExportRequestDto,
  fileName: string,
  abort: AbortCheck,
): PlannedExport['files'] {
  const tensors = [...walk(model.root)].flatMap((node) => node.tensors);
  if (model.file.format === 'gguf') {
    throw unsupported('E_EXPORT_GGUF', 'Hyperparameters and vocabulary of this GGUF would not be in the new one.', {
      where: { file: model.fileName },
      hint: 'llama.cpp’s llama-quantize writes a GGUF in another encoding with all that belongs to it.',
    });
  }
  const foreign = tensors.filter(({ name }) => !isGgufName(name));
  if (foreign.length > 0 || tensors.length === 0) {
    throw unsupported(
      'E_EXPORT_GGUF',
      'The tensors of this model do not have llama.cpp’s names, and renaming them needs its architecture.',
      {
        where: { file: model.fileName, tensor: foreign[0]?.name },
        expected: 'names such as blk.0.attn_q.weight',
        found: `${foreign.length} of ${tensors.length} tensors with other names`,
        hint: 'Convert the model’s folder with llama.cpp’s convert_hf_to_gguf.py.',
      },
    );
  }
  const most = spec === null ? 'F16' : 'Q8_0';
  const metadata = {
    'general.architecture': model.file.metadata['config.model_type'] ?? 'unknown',
    'general.name': model.stem,
    'general.file_type': fileTypes[most],
    'general.quantization_version': 2,
  };
  const entries = tensors.map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    encoding: encodingOf(tensor.shape, most),
    values: () => readValues(model, tensor, abort),
  }));
  return [{ name: fileName, plan: planGguf(metadata, entries) }];
}

function encodingOf(shape: readonly number[], most: 'F16' | 'Q8_0'): GgufEncoding {
  if (shape.length < 2) return 'F32';
  return fitsEncoding(shape, most) ? most : 'F16';
}
