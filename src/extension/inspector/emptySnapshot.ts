import type { ViewSnapshotDto } from '../../protocol/viewApi';

/** What a file that was just read has not got yet. */
export const noResults = {
  quantized: null,
  quantizedSpec: null,
  forward: null,
  whole: null,
  plan: null,
  forwardStale: false,
  comparison: null,
  sensitivity: null,
  breakEven: null,
  notice: null,
  canUndo: false,
} as const satisfies Partial<ViewSnapshotDto>;

/** What a view shows while no model is open. */
export const emptySnapshot: ViewSnapshotDto = {
  ...noResults,
  revision: 0,
  phase: 'empty',
  file: '',
  error: null,
  model: null,
  modelRevision: 0,
  spec: { engine: 'fbgemm', dtype: 'qint8', perChannel: false, modules: null, exclude: [] },
  inputsFile: '',
  changedOnDisk: false,
  selection: null,
  tab: 'overview',
  busy: null,
};
