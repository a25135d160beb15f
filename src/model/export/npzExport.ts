import type { AbortCheck } from '../../core/abort';
import type { Progress } from '../../core/progress';
import { planNpz } from '../../formats/npy/write';
import type { ExportRequestDto } from '../../protocol/exportDto';
import type { Model } from '../openModel';
import type { PlannedExport } from './exportModel';
import { plainEntries } from './quantizedEntries';

/** Every tensor as a NumPy array under its own name. */
export async function npzFiles(
  model: Model,
  request: ExportRequestDto,
  fileName: string,
  abort: AbortCheck,
  progress: Progress,
): Promise<PlannedExport['files']> {
  return [{ name: fileName, plan: planNpz(await plainEntries(model, request, abort, progress)) }];
}
