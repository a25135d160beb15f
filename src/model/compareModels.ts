import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import { addErrorSums, type ErrorSums, errorMetrics, errorSums } from '../engine/quantization/errorMetrics';
import type { ComparedTensorDto, ComparisonDto } from '../protocol/compareDto';
import { readValues } from './loadModule';
import { stateTensors } from './loadState';
import type { Model, ModelTensor } from './openModel';

/** Tensors that an answer lists; the counts are over all. */
const maxListed = 5_000;

/**
 * Two files tensor by tensor: what only one of them has, what has another shape, and how far the
 * values of the rest are apart. Names are those of the model, so that a checkpoint's
 * `state_dict.encoder.weight` meets the plain file's `encoder.weight`; quantized values are
 * compared as what they stand for.
 */
export async function compareModels(
  before: Model,
  after: Model,
  abort: AbortCheck,
  progress: Progress,
): Promise<ComparisonDto> {
  const a = stateTensors(before);
  const b = stateTensors(after);
  const rows: ComparedTensorDto[] = [];
  const sums: ErrorSums[] = [];
  const counts = { added: 0, removed: 0, changed: 0, equal: 0, reshaped: 0, unread: 0 };
  const names = [...a.keys(), ...[...b.keys()].filter((name) => !a.has(name))];
  const bytesOf = (name: string) => (a.get(name)?.bytes ?? 0) + (b.get(name)?.bytes ?? 0);
  const bytes = names.reduce((sum, name) => sum + bytesOf(name), 0);
  let done = 0;
  for (const name of names) {
    progress(done, bytes, name, 'bytes');
    done += bytesOf(name);
    abort.throwIfAborted();
    const row = await compareTensor(before, after, name, a.get(name), b.get(name), abort);
    counts[row.dto.change]++;
    if (row.sums !== undefined) sums.push(row.sums);
    if (row.dto.change !== 'equal' && rows.length < maxListed) rows.push(row.dto);
  }
  const rank = { removed: 0, added: 1, reshaped: 2, unread: 3, changed: 4, equal: 5 };
  rows.sort((x, y) => rank[x.change] - rank[y.change] || (y.error?.rmse ?? 0) - (x.error?.rmse ?? 0));
  const total = addErrorSums(sums);
  return {
    before: { file: before.fileName, label: before.file.label, bytes: before.file.bytes, tensors: a.size },
    after: { file: after.fileName, label: after.file.label, bytes: after.file.bytes, tensors: b.size },
    counts,
    total: sums.length === 0 ? null : errorMetrics(total),
    tensors: rows,
  };
}

async function compareTensor(
  before: Model,
  after: Model,
  name: string,
  a: ModelTensor | undefined,
  b: ModelTensor | undefined,
  abort: AbortCheck,
): Promise<{ dto: ComparedTensorDto; sums?: ErrorSums }> {
  const side = (tensor: ModelTensor | undefined) =>
    tensor === undefined ? null : { shape: tensor.shape, dtype: tensor.dtype, bytes: tensor.bytes };
  const common = { name, before: side(a), after: side(b), error: null };
  if (a === undefined || b === undefined) return { dto: { ...common, change: a === undefined ? 'added' : 'removed' } };
  if (a.shape.join() !== b.shape.join()) return { dto: { ...common, change: 'reshaped' } };
  let sums: ErrorSums;
  try {
    sums = errorSums(await readValues(before, a, abort), await readValues(after, b, abort));
  } catch (error) {
    if ((error as { code?: string }).code === 'E_ABORTED') throw error;
    return { dto: { ...common, change: 'unread' } };
  }
  const same = sums.noise === 0 && a.dtype === b.dtype;
  return { dto: { ...common, change: same ? 'equal' : 'changed', error: errorMetrics(sums) }, sums };
}
