// Entry of the WebAssembly kernels. The same source is compiled three times: for fixed SIMD, for relaxed SIMD
// (ASC_FEATURE_RELAXED_SIMD), and for relaxed SIMD with the dot product of four (DOT4 as well). Every export gives the
// bits of its TypeScript reference. The host lays out memory; nothing here allocates.
export { dequantizeTile, quantizeTile, restoreRun } from './codes';
export { packFloat, packInt8 } from './pack';
export { wrongFours, wrongFused, wrongPairs } from './probe';
export { multiply, prepare, prepareKnown } from './linear';
export { operandBytes } from './operand';
export { lstmSteps, gruSteps, beginStep, endLstmStep, endGruStep } from './recurrent';
export { minMaxArray } from './range';
export { activate } from './functions';
export { normalizeRows, softmaxRows } from './rows';
export { attendRows, attentionScratch, packColumns, packRows } from './attention';
export { bfloat16Tile, errorTile, float16Tile, gatherTile, histogramTile, histogramTiles, statsTile, statsTiles } from './stats';

/** First byte that the host may use. */
export function heapBase(): usize {
  return __heap_base;
}
