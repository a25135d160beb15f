import type { PackedLinear } from '../../quantization/dynamicLinear';
import type { QuantizedEngine } from '../../quantization/engines';
import type { FloatWeight } from '../kernels';
import { type ByteForm, wordForm } from './selfTest';
import type { WasmHeap } from './wasmHeap';
import type { KernelExports } from './webAssembly';

/** A weight in the kernels' memory, laid out for them. */
export interface Product {
  /** Address of its record: see assembly/descriptor.ts. */
  readonly record: number;
  /** Channels, and channels padded to 16. */
  readonly n: number;
  readonly padded: number;
  /** Columns, and columns padded to 4 or 8. */
  readonly k: number;
  readonly paddedK: number;
  readonly int8: boolean;
  /** Count of uses of the store when this was used last. */
  lastUse: number;
  /** The bias that lies in the record. */
  bias: Float32Array | undefined;
  /** Its memory was given to something else meanwhile: `alloc` does so. */
  dropped?: boolean;
}

const recordBytes = 64;
/** Engines that the kernels know; the reference does the rest. */
const kinds: Partial<Record<QuantizedEngine, number>> = { fbgemm: 0, x86: 0, onednn: 1, qnnpack: 2 };
const floatKind = 3;

/** Sums of more columns could leave int32: 65 536 · 255 · 128 is below 2^31. */
const maxColumns = 65_536;

const f = Math.fround;
export const paddedTo = (multiple: number, count: number) => Math.ceil(count / multiple) * multiple;

/**
 * Weights packed once and kept while their owner lives, or until memory is short: the one that was
 * used longest ago goes first.
 */
export class ProductStore {
  private readonly products = new WeakMap<object, Product>();
  /** The owner of each record is held weakly, the block is freed when it is gone. */
  private readonly blocks = new Map<number, WeakRef<object>>();
  private uses = 0;
  private readonly gone = new FinalizationRegistry<number>((record) => {
    // The address may have been freed before, or belong to another owner by now.
    const block = this.blocks.get(record);
    if (block !== undefined && block.deref() === undefined) this.drop(record);
  });

  constructor(
    private readonly heap: WasmHeap,
    private readonly kernels: KernelExports,
    private readonly form: ByteForm,
  ) {}

  /** The packed form of a weight, or undefined when the kernels cannot take it. */
  of(source: PackedLinear | FloatWeight): Product | undefined {
    const key = 'engine' in source ? source : source.weight;
    const known = this.products.get(key);
    if (known !== undefined) {
      known.lastUse = ++this.uses;
      if (!('engine' in source) && known.bias !== source.bias) this.writeBias(known, source.bias);
      return known;
    }
    const product = 'engine' in source ? this.pack(source) : this.packFloat(source);
    if (product === undefined) return undefined;
    this.products.set(key, product);
    this.blocks.set(product.record, new WeakRef(key));
    this.gone.register(key, product.record);
    return product;
  }

  /** A block, after forgetting weights if need be. */
  alloc(bytes: number): number | undefined {
    for (;;) {
      const start = this.heap.alloc(bytes);
      if (start !== undefined) return start;
      const oldest = this.oldest();
      if (oldest === undefined) return undefined;
      this.drop(oldest);
    }
  }

  /** The record that was used longest ago, or whose owner is gone. */
  private oldest(): number | undefined {
    let found: number | undefined;
    let foundUse = Number.POSITIVE_INFINITY;
    for (const [record, block] of this.blocks) {
      const owner = block.deref();
      const use = (owner && this.products.get(owner)?.lastUse) ?? 0;
      if (use < foundUse) [found, foundUse] = [record, use];
    }
    return found;
  }

  /** Packs without keeping; release the record afterwards. */
  packFloat({ weight, rows, columns, bias }: FloatWeight): Product | undefined {
    const padded = paddedTo(16, rows);
    const paddedK = paddedTo(4, columns);
    if (rows === 0 || columns === 0) return undefined;
    const head = recordBytes + 4 * padded;
    const record = this.alloc(head + 4 * padded * paddedK);
    if (record === undefined) return undefined;
    const weights = record + head;
    if (!this.packFloatPanels(weight, rows, columns, padded, paddedK, weights)) {
      this.heap.release(record);
      return undefined;
    }
    this.heap.u32.set([weights, 0, 0, 0, padded, paddedK, floatKind, columns, 0], record / 4);
    const product = { record, n: rows, padded, k: columns, paddedK, int8: false, lastUse: ++this.uses, bias };
    this.writeBias(product, bias);
    return product;
  }

  /** The bias lies behind the record, and the record says where if there is one. */
  private writeBias(product: Product, bias: Float32Array | undefined): void {
    const { record, n, padded } = product;
    const { u32, f32 } = this.heap;
    product.bias = bias;
    const at = record + recordBytes;
    u32[record / 4 + 3] = bias === undefined ? 0 : at;
    if (bias === undefined) return;
    f32.set(bias, at / 4);
    f32.fill(0, at / 4 + n, at / 4 + padded);
  }

  private pack({ weight, bias, engine }: PackedLinear): Product | undefined {
    const { rows, columns, codes, scales } = weight;
    const kind = kinds[engine];
    if (kind === undefined || rows === 0 || columns === 0 || columns > maxColumns) return undefined;
    if (!scales.every(Number.isFinite)) return undefined;
    const padded = paddedTo(16, rows);
    const form = this.form.allBits || engine !== 'qnnpack' ? this.form.weights : wordForm.weights;
    const paddedK = paddedTo(form === wordForm.weights ? 4 : 8, columns);
    const head = recordBytes + 3 * 4 * padded;
    const record = this.alloc(head + padded * paddedK);
    if (record === undefined) return undefined;
    const [factors, rowSums] = [1, 2].map((i) => record + recordBytes + i * 4 * padded);
    const weights = record + head;
    if (!this.packBlocks(codes, rows, columns, paddedK, weights, rowSums, form)) {
      this.heap.release(record);
      return undefined;
    }
    const { u32, f32 } = this.heap;
    const fields = [weights, rowSums, factors, 0, padded, paddedK, kind, columns, form];
    u32.set(fields, record / 4);
    for (let i = 0; i < padded; i++) {
      const scale = scales[Math.min(i, scales.length - 1)];
      f32[factors / 4 + i] = engine === 'onednn' ? f(1 / f(1 / scale)) : scale;
    }
    const product = { record, n: rows, padded, k: columns, paddedK, int8: true, lastUse: ++this.uses, bias };
    this.writeBias(product, bias);
    return product;
  }

  private packFloatPanels(
    weight: Float32Array,
    rows: number,
    columns: number,
    padded: number,
    paddedK: number,
    weights: number,
  ): boolean {
    const four = this.alloc(16 * columns);
    if (four === undefined) return false;
    const { f32 } = this.heap;
    for (let row = 0; row < padded; row += 4) {
      const count = Math.max(0, Math.min(4, rows - row));
      if (count > 0) f32.set(weight.subarray(row * columns, (row + count) * columns), four / 4);
      this.kernels.packFloat(four, count, columns, paddedK, weights + 4 * row * paddedK);
    }
    this.heap.release(four);
    return true;
  }

  private packBlocks(
    codes: Int8Array,
    rows: number,
    columns: number,
    paddedK: number,
    weights: number,
    rowSums: number,
    form: ByteForm['weights'],
  ): boolean {
    const sixteen = this.alloc(16 * columns + 4);
    if (sixteen === undefined) return false;
    const { i8 } = this.heap;
    for (let row = 0; row < rows; row += 16) {
      const count = Math.min(16, rows - row);
      i8.set(codes.subarray(row * columns, (row + count) * columns), sixteen);
      this.kernels.packInt8(
        sixteen,
        count,
        columns,
        paddedK,
        weights + row * paddedK,
        rowSums + 4 * row,
        form === 1 ? 1 : 0,
      );
    }
    this.heap.release(sixteen);
    return true;
  }

  private drop(record: number): void {
    const owner = this.blocks.get(record)?.deref();
    if (owner !== undefined) {
      const product = this.products.get(owner);
      if (product !== undefined) product.dropped = true;
      this.products.delete(owner);
    }
    this.blocks.delete(record);
    this.heap.release(record);
  }
}
