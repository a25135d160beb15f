import type { AbortCheck } from '../../core/abort';
import { version } from '../../core/version';
import { planShards } from '../../formats/safetensors/write';
import type { ExportRequestDto } from '../../protocol/exportDto';
import type { Model } from '../openModel';
import type { PlannedExport, Quantized } from './exportModel';
import { plainEntries } from './quantizedEntries';

/** safetensors, split above `shardBytes`; the metadata says how the integers were made. */
export async function safetensorsFiles(
  model: Model,
  request: ExportRequestDto,
  fileName: string,
  quantized: Quantized | undefined,
  sourceSha256: string | undefined,
  abort: AbortCheck,
): Promise<PlannedExport['files']> {
  const entries = await plainEntries(model, quantized, abort);
  const stem = fileName.replace(/\.safetensors$/i, '');
  return planShards(stem, entries, manifest(model, request, sourceSha256), request.shardBytes).files;
}

function manifest(model: Model, { spec }: ExportRequestDto, sha256: string | undefined): Record<string, string> {
  if (spec === null) return { format: 'pt' };
  const quantization = {
    scheme: spec.perChannel ? 'per_channel_symmetric' : 'per_tensor_symmetric',
    dtype: spec.dtype,
    engine: spec.engine,
    activations: 'dynamic, per tensor, uint8',
    names: 'X is int8, X_scale float32, X_zero_point int64: value = (X - X_zero_point) * X_scale',
    producer: `Quantscope ${version}`,
    source: { file: model.fileName, bytes: model.file.bytes, ...(sha256 === undefined ? {} : { sha256 }) },
  };
  return { format: 'pt', quantization: JSON.stringify(quantization) };
}
