import type { AbortCheck } from '../../core/abort';
import { unsupported } from '../../core/errors';
import { fitsEncoding, type GgufEncoding, planGguf } from '../../formats/gguf/write';
import type { ExportRequestDto } from '../../protocol/exportDto';
import { readValues } from '../loadModule';
import { walk } from '../moduleTree';
import type { Model } from '../openModel';
import type { PlannedExport } from './exportModel';

/** The names that llama.cpp gives to tensors, whatever the architecture: gguf-py's constants.py. */
const ggufName =
  /^(blk\.\d+\.[a-z0-9_]+|token_embd|token_embd_norm|token_types|position_embd|output|output_norm|rope_freqs|cls|conv1d)(\.(weight|bias))?$/;

/** llama_ftype: what most tensors are stored as. */
const fileTypes = { F16: 1, Q8_0: 7 } as const;

/**
 * GGUF for models whose tensors have llama.cpp's names already: F16, or Q8_0 where the model is to
 * be quantized and a row is whole blocks of 32. Vectors stay float32, as llama.cpp keeps them.
 * Other names are refused: a file that no program can use would be no export.
 */
export function ggufFiles(
  model: Model,
  { spec }: ExportRequestDto,
  fileName: string,
  abort: AbortCheck,
): PlannedExport['files'] {
  const tensors = [...walk(model.root)].flatMap((node) => node.tensors);
  const foreign = tensors.find(({ name }) => !ggufName.test(name));
  if (foreign !== undefined || tensors.length === 0) {
    throw unsupported(
      'E_EXPORT_GGUF',
      'The tensors of this model do not have llama.cpp’s names, and renaming them needs its architecture.',
      {
        where: { file: model.fileName, tensor: foreign?.name },
        expected: 'names such as blk.0.attn_q.weight',
        hint: 'Convert the model’s folder with llama.cpp’s convert_hf_to_gguf.py.',
      },
    );
  }
  const most = spec === null ? 'F16' : 'Q8_0';
  const metadata = {
    'general.architecture': model.file.metadata['general.architecture'] ?? model.file.metadata.model_type ?? 'unknown',
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
