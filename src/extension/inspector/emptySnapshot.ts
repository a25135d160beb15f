import type { ViewSnapshotDto } from '../../protocol/viewApi';

/** What a view shows while no model is open. */
export const emptySnapshot: ViewSnapshotDto = {
  revision: 0,
  phase: 'empty',
  file: '',
  error: null,
  model: null,
  modelRevision: 0,
  spec: { engine: 'fbgemm', dtype: 'qint8', perChannel: false, modules: null, exclude: [] },
  quantizedSpec: null,
  quantized: null,
  forward: null,
  whole: null,
  plan: null,
  inputsFile: '',
  forwardStale: false,
  comparison: null,
  sensitivity: null,
  breakEven: null,
  changedOnDisk: false,
  selection: null,
  tab: 'overview',
  busy: null,
  notice: null,
  canUndo: false,
};
