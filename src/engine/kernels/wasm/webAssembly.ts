/** The part of WebAssembly that the kernels use: TypeScript declares it only together with the DOM. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** 4 GB: all that a 32-bit memory can have. */
export const maxMemoryPages = 65_536;

interface WasmApi {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: unknown };
  readonly Memory: new (limits: { initial: number; maximum: number; shared?: boolean }) => WasmMemory;
}

/** Undefined where the machine has none, or has it switched off. */
export const webAssembly = (globalThis as { WebAssembly?: WasmApi }).WebAssembly;

/** What assembly/index.ts exports. Pointers and sizes are in bytes, counts in elements. */
export interface KernelExports {
  heapBase(): number;
  packInt8(
    codes: number,
    rows: number,
    columns: number,
    padded: number,
    block: number,
    rowSums: number,
    unsigned: number,
  ): void;
  packFloat(weights: number, rows: number, columns: number, padded: number, panel: number): void;
  operandBytes(product: number, m: number): number;
  prepare(product: number, x: number, m: number, operand: number): number;
  prepareKnown(product: number, x: number, m: number, operand: number, low: number, high: number): void;
  multiply(product: number, operand: number, m: number, out: number, from: number, to: number): void;
  lstmSteps: StepsKernel;
  gruSteps: StepsKernel;
  beginStep(product: number, h: number, batch: number, operand: number, first: number): number;
  endLstmStep: EndStepKernel;
  endGruStep: EndStepKernel;
  minMaxArray(values: number, count: number, out: number): number;
  activate(kind: number, values: number, count: number): void;
  softmaxRows(x: number, rows: number, size: number, row: number, out: number): void;
  normalizeRows(
    x: number,
    rows: number,
    size: number,
    eps: number,
    centered: number,
    weight: number,
    bias: number,
    out: number,
  ): void;
  attentionScratch(rows: number, width: number, source: number): number;
  packRows(x: number, stride: number, rows: number, columns: number, panels: number): void;
  packColumns(x: number, stride: number, rows: number, columns: number, panels: number): void;
  attendRows(record: number): void;
  statsTile(values: number, count: number, out: number): void;
  histogramTile(values: number, count: number, low: number, perUnit: number, bins: number, scratch: number): void;
  statsTiles(values: number, count: number, unused: number, out: number, from: number, to: number): void;
  histogramTiles(values: number, count: number, job: number, out: number, from: number, to: number): void;
  gatherTile(values: number, count: number, low: number, high: number, out: number, below: number): number;
  quantizeTile(values: number, count: number, inverse: number, codes: number): void;
  dequantizeTile(codes: number, count: number, scale: number, values: number): void;
  restoreRun(values: number, count: number, inverse: number, scale: number, restored: number, eighths: number): void;
  errorTile(reference: number, values: number, count: number, out: number): void;
  float16Tile(patterns: number, count: number, out: number): void;
  bfloat16Tile(patterns: number, count: number, out: number): void;
  wrongPairs(): number;
  wrongFours(unsigned: number, most: number): number;
  wrongFused(): number;
}

type EndStepKernel = (
  product: number,
  ih: number,
  before: number,
  c: number,
  hh: number,
  next: number,
  batch: number,
  hidden: number,
) => void;

type StepsKernel = (
  product: number,
  ih: number,
  h: number,
  c: number,
  operand: number,
  hh: number,
  output: number,
  total: number,
  first: number,
  count: number,
  batch: number,
  hidden: number,
  reverse: number,
) => number;
