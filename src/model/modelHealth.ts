import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import { ConstantRows, type RowFindings, rowFindings } from '../engine/stats/rowFindings';
import type { HealthDto, HealthFindingDto } from '../protocol/modelDto';
import { sumsOf } from './describeValues';
import { walk } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { valueSource } from './valueSource';

/** Tensors that are named; the counts are over all. */
const maxFindings = 50;

/** Reads every value of the model once and counts what training rarely wants: NaN, infinity, dead and constant rows. */
export async function modelHealth(model: Model, abort: AbortCheck, progress: Progress): Promise<HealthDto> {
  const tensors = [...walk(model.root)].filter(({ optimizer }) => !optimizer).flatMap(({ tensors: own }) => own);
  const total = { values: 0, nan: 0, inf: 0, rows: 0, zeroRows: 0, constantRows: 0 };
  const findings: HealthFindingDto[] = [];
  const unread: string[] = [];
  let largest: HealthDto['largest'] = null;
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  let done = 0;
  for (const tensor of tensors) {
    progress(done, bytes, tensor.name, 'bytes');
    const before = done;
    done += tensor.bytes;
    abort.throwIfAborted();
    // Lets the thread answer requests for rows between two tensors.
    await new Promise((resolve) => setImmediate(resolve));
    let found: RowFindings;
    try {
      found = await findingsOf(model, tensor, abort, (read) => progress(before + read, bytes, tensor.name, 'bytes'));
    } catch (error) {
      if ((error as { code?: string }).code === 'E_ABORTED') throw error;
      if (unread.length < maxFindings) unread.push(tensor.name);
      continue;
    }
    total.values += found.values;
    total.nan += found.nan;
    total.inf += found.inf;
    total.rows += found.rows;
    total.zeroRows += found.zeroRows;
    total.constantRows += found.constantRows;
    const { nan, inf, zeroRows, constantRows, rows } = found;
    if (nan + inf + zeroRows + constantRows > 0 && findings.length < maxFindings)
      findings.push({ name: tensor.name, nan, inf, rows, zeroRows, constantRows });
    if (largest === null || found.maxAbs > largest.value)
      largest = { name: tensor.name, value: found.maxAbs, sigmas: found.std > 0 ? found.maxAbs / found.std : 0 };
  }
  return { ...total, largest, findings, unread };
}

async function findingsOf(
  model: Model,
  tensor: ModelTensor,
  abort: AbortCheck,
  onBytes: (bytes: number) => void,
): Promise<RowFindings> {
  const source = await valueSource(model, tensor, abort, onBytes);
  const rows = new ConstantRows(tensor.shape, source.count);
  const sums = await sumsOf(source, (batch) => rows.add(batch));
  return rowFindings(sums, rows);
}
