import type { AbortCheck } from '../../core/abort';
import { planNpz } from '../../formats/npy/write';
import type { QuantizeReportDto } from '../../protocol/quantizeDto';
import type { Model } from '../openModel';
import type { PlannedExport } from './exportModel';
import { plainEntries } from './quantizedEntries';

/** Every tensor as a NumPy array under its own name. */
export async function npzFiles(
  model: Model,
  fileName: string,
  report: QuantizeReportDto | undefined,
  abort: AbortCheck,
): Promise<PlannedExport['files']> {
  return [{ name: fileName, plan: planNpz(await plainEntries(model, report, abort)) }];
}
