import type { AbortCheck } from '../../core/abort';
import { overallVerdict, worstFirst } from '../pickle/safety';
import type { ModelFile, Warning } from '../types';
import { cappedWarnings } from '../warnings';
import { checkIndices } from './checkIndices';
import type { Collected } from './collect';
import { type Judged, problemWarnings } from './judge';

/** What every container of PyTorch's gives, whatever its bytes are wrapped in. */
export interface Parts {
  readonly bytes: number;
  readonly format: string;
  readonly label: string;
  readonly torchStyle: '1.13' | '2';
  readonly found: Collected;
  readonly judged: readonly Judged[];
  /** Of the container. */
  readonly warnings: readonly Warning[];
  readonly readTensor: ModelFile['readTensor'];
  readonly readRange?: ModelFile['readRange'];
}

/** An open file; what asks Python to run something stands first among its warnings. */
export async function assemble({ found, judged, warnings, ...rest }: Parts, abort: AbortCheck): Promise<ModelFile> {
  await checkIndices(found.tensors, found.composites, rest.readTensor, abort);
  const globals = worstFirst(judged.flatMap((one) => one.globals));
  return {
    ...rest,
    tensors: found.tensors,
    metadata: found.metadata,
    moduleVersions: found.moduleVersions,
    moduleTypes: found.moduleTypes,
    modules: found.modules,
    warnings: cappedWarnings(
      [...judged.flatMap((one) => one.warnings), ...warnings, ...found.warnings, ...problemWarnings(found.tensors)],
      'E_PT_LIMIT',
    ),
    safety: { verdict: overallVerdict(globals), globals },
    opaque: found.opaque,
  };
}
