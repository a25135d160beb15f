/**
 * Ids that package.json and the code share. A test compares this file with the manifest, so a
 * command that is only declared, or only registered, does not get far.
 */
export const commandIds = {
  openModel: 'quantscope.openModel',
  inspect: 'quantscope.inspect',
  quantize: 'quantscope.quantize',
  runForward: 'quantscope.runForward',
  inspectClass: 'quantscope.inspectClass',
  quantizeClass: 'quantscope.quantizeClass',
  runClass: 'quantscope.runClass',
  cancel: 'quantscope.cancel',
  undo: 'quantscope.undo',
  exportModel: 'quantscope.exportModel',
  saveTensor: 'quantscope.saveTensor',
  showReprDiff: 'quantscope.showReprDiff',
  createRecipeModel: 'quantscope.createRecipeModel',
  exportReport: 'quantscope.exportReport',
  compareQuantized: 'quantscope.compareQuantized',
  openWalkthrough: 'quantscope.openWalkthrough',
  compareFiles: 'quantscope.compareFiles',
  compareSelected: 'quantscope.compareSelected',
  applyRun: 'quantscope.applyRun',
  compareRuns: 'quantscope.compareRuns',
  clearRuns: 'quantscope.clearRuns',
  openSource: 'quantscope.openSource',
  copyAsPython: 'quantscope.copyAsPython',
  scan: 'quantscope.scan',
  goToModule: 'quantscope.goToModule',
  reload: 'quantscope.reload',
  revealEditor: 'quantscope.revealEditor',
} as const;

export const viewTypes = { inspector: 'quantscope.inspector', inspectorOption: 'quantscope.inspector.option' } as const;

export const viewIds = {
  modules: 'quantscope.modules',
  inspector: 'quantscope.inspectorView',
  runs: 'quantscope.runs',
} as const;

/** Keys for `when` clauses. */
export const contextKeys = {
  hasModel: 'quantscope.hasModel',
  isQuantized: 'quantscope.isQuantized',
  canUndo: 'quantscope.canUndo',
  busy: 'quantscope.busy',
} as const;

export const settingIds = {
  engine: 'quantscope.engine',
  perChannel: 'quantscope.perChannel',
  modules: 'quantscope.modules',
  forwardWarmup: 'quantscope.forward.warmup',
  forwardSeed: 'quantscope.forward.seed',
  forwardRuns: 'quantscope.forward.runs',
} as const;
