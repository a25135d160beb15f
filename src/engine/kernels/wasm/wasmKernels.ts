import type { AbortCheck } from '../../../core/abort';
import { neverAborted } from '../../../core/abort';
import type { PackedLinear } from '../../quantization/dynamicLinear';
import type { FloatWeight, Kernels, RecurrentCall } from '../kernels';
import type { LayerKernels } from '../layerKernels';
import { referenceKernels } from '../reference/referenceKernels';
import type { StreamKernels } from '../streamKernels';
import { type Product, ProductStore } from './productStore';
import type { ByteForm } from './selfTest';
import type { Team } from './team';
import { TeamTrial } from './teamTrial';
import type { WasmHeap } from './wasmHeap';
import { WasmLayers } from './wasmLayers';
import { wasmStreams } from './wasmStreams';
import type { KernelExports } from './webAssembly';

/** Multiply-adds between two looks at the abort flag: a few milliseconds. */
const workPerCheck = 64_000_000;

/**
 * Multiply-adds of one call on one thread. A call stays in the code that it began in: with long ones the first product
 * would run to its end in that of V8's baseline compiler, five times slower.
 */
const workPerCall = 1_000_000;

/** Multiply-adds of a product that may be worth a team: ten microseconds. A trial decides. */
const workForTeam = 700_000;

/** Activations of one call in the kernels' memory; larger ones go through in rows. */
const maxScratchBytes = 256 * 1024 * 1024;

/**
 * Operands of a product that stay in the cache while every channel's weights pass over them: beyond it they come from
 * memory for each, at a third of the speed. Int8 operands are a quarter of the size, and rows of them cost a look at
 * the range of all.
 */
const cachedBytes = 4 * 1024 * 1024;

/** Rows that pay for reading all weights again. */
const fewestRows = 64;

/** So many values are copied faster one by one than by a call of the runtime. */
const fewValues = 32;

/** Bytes that a vector may read past a row. */
const slack = 64;

/** Addresses of what the steps of a layer read and write. */
interface Places {
  readonly ih: number;
  readonly h: number;
  readonly c: number;
  readonly operand: number;
  readonly hh: number;
  readonly output: number;
}

/** The kernels in WebAssembly. Arguments are copied into their memory, results out of it; weights stay there. */
export class WasmKernels implements Kernels {
  readonly quantizeActivation = referenceKernels.quantizeActivation;
  readonly gemmInt8 = referenceKernels.gemmInt8;
  readonly streams: StreamKernels;
  readonly layers: LayerKernels;
  private readonly store: ProductStore;
  private scratch = { start: 0, bytes: 0 };
  /** By size, and apart for one row, which waits for memory: a team that does not pay for one product may for a larger. */
  private readonly trials = new Map<string, TeamTrial>();

  constructor(
    readonly name: string,
    private readonly kernels: KernelExports,
    private readonly heap: WasmHeap,
    form: ByteForm,
    private readonly team?: Team,
  ) {
    this.streams = wasmStreams(kernels, heap, team) ?? referenceKernels.streams;
    this.store = new ProductStore(heap, kernels, form);
    this.layers = new WasmLayers(kernels, heap, (sizes) => this.layout(sizes));
  }

  get threads(): number {
    return 1 + (this.team?.helpers ?? 0);
  }

  gemmFloat(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array | undefined,
    m: number,
    n: number,
    k: number,
    out: Float32Array,
    keep = false,
  ): void {
    const source: FloatWeight = { weight, rows: n, columns: k, bias };
    const product = keep ? this.store.of(source) : this.store.packFloat(source);
    const done = product && this.product(product, x, m, neverAborted, out);
    if (product !== undefined && !keep) this.heap.release(product.record);
    if (done === undefined) referenceKernels.gemmFloat(x, weight, bias, m, n, k, out);
  }

  dynamicLinear(packed: PackedLinear, x: Float32Array, m: number, abort: AbortCheck): Float32Array | undefined {
    const product = m === 0 ? undefined : this.store.of(packed);
    return product && this.product(product, x, m, abort);
  }

  recurrentLayer(call: RecurrentCall): Float32Array | undefined {
    const { x, h, c, steps, batch, width, reverse, abort } = call;
    const input = this.store.of(call.input);
    const hidden = this.store.of(call.hidden);
    if (input === undefined || hidden === undefined || batch === 0) return undefined;
    const rows = steps * batch;
    const at = this.layout([
      4 * x.length,
      this.kernels.operandBytes(input.record, rows),
      4 * rows * input.padded,
      4 * h.length,
      4 * c.length,
      this.kernels.operandBytes(hidden.record, batch),
      4 * batch * hidden.padded,
      4 * rows * width,
    ]);
    if (at === undefined || input.dropped || hidden.dropped) return undefined;
    const [atX, operandX, ih, atH, atC, operandH, hh, atOutput] = at;
    this.write(x, atX);
    this.write(h, atH);
    this.write(c, atC);
    if (!this.kernels.prepare(input.record, atX, rows, operandX)) return undefined;
    this.multiply(input, operandX, rows, ih, abort);
    const places = { ih, h: atH, c: atC, operand: operandH, hh, output: atOutput };
    const work = batch * hidden.padded * hidden.paddedK;
    const mayShare = this.forTeam(work) && !this.trialOf(work, batch).isAlone;
    const sound = mayShare ? this.stepsByTeam(call, hidden, places) : this.stepsAlone(call, hidden, places);
    if (!sound) return undefined;
    this.read(atOutput + 4 * (reverse ? 0 : rows - batch) * width, h);
    this.read(atC, c);
    return this.heap.f32.slice(atOutput / 4, atOutput / 4 + rows * width);
  }

  /** All steps in few calls; false for a state with NaN. */
  private stepsAlone(
    { mode, steps, batch, width, reverse, abort }: RecurrentCall,
    { record, padded, paddedK }: Product,
    { ih, h, c, operand, hh, output }: Places,
  ): boolean {
    const run = mode === 'LSTM' ? this.kernels.lstmSteps : this.kernels.gruSteps;
    const atOnce = Math.max(1, Math.floor(workPerCall / (batch * padded * paddedK)));
    const direction = reverse ? 1 : 0;
    for (let first = 0; first < steps; first += atOnce) {
      abort.throwIfAborted();
      const count = Math.min(atOnce, steps - first);
      const before = first === 0 ? h : output + 4 * batch * width * (reverse ? steps - first : first - 1);
      if (!run(record, ih, before, c, operand, hh, output, steps, first, count, batch, width, direction)) return false;
    }
    return true;
  }

  /** Step by step, each product shared. */
  private stepsByTeam(
    { mode, steps, batch, width, reverse, abort }: RecurrentCall,
    product: Product,
    { ih, h, c, operand, hh, output }: Places,
  ): boolean {
    const { record, padded } = product;
    const end = mode === 'LSTM' ? this.kernels.endLstmStep : this.kernels.endGruStep;
    let before = h;
    for (let i = 0; i < steps; i++) {
      abort.throwIfAborted();
      if (!this.kernels.beginStep(record, before, batch, operand, i === 0 ? 1 : 0)) return false;
      this.multiply(product, operand, batch, hh, abort);
      const step = reverse ? steps - 1 - i : i;
      const next = output + 4 * step * batch * width;
      end(record, ih + 4 * step * batch * padded, before, c, hh, next, batch, width);
      before = next;
    }
    return true;
  }

  private forTeam(work: number): boolean {
    return work >= workForTeam && this.threads > 1;
  }

  /**
   * Into `out`, or into a new array. Undefined when the operands do not fit, or x has a NaN or infinity that somebody
   * must report.
   */
  private product(
    product: Product,
    x: Float32Array,
    m: number,
    abort: AbortCheck,
    out?: Float32Array,
  ): Float32Array | undefined {
    const { n, padded, k, int8, record } = product;
    const rowBytes = 4 * k + this.kernels.operandBytes(record, 1) + 4 * padded;
    const cached = Math.max(fewestRows, Math.floor((int8 ? 4 * cachedBytes : cachedBytes) / rowBytes));
    const atOnce = Math.min(m, cached, Math.max(1, Math.floor(maxScratchBytes / rowBytes)));
    const at = this.layout([4 * atOnce * k, this.kernels.operandBytes(record, atOnce), 4 * atOnce * padded, 8]);
    if (at === undefined || product.dropped) return undefined;
    const [atX, operand, atOut, range] = at;
    const [low, high] = atOnce < m && int8 ? this.rangeOf(x, atX, atOnce * k, range) : [0, 0];
    if (!Number.isFinite(low) || !Number.isFinite(high)) return undefined;
    let result = out;
    for (let row = 0; row < m; row += atOnce) {
      abort.throwIfAborted();
      const count = Math.min(atOnce, m - row);
      this.write(x.subarray(row * k, (row + count) * k), atX);
      if (atOnce < m) this.kernels.prepareKnown(record, atX, count, operand, low, high);
      else if (!this.kernels.prepare(record, atX, count, operand)) return undefined;
      this.multiply(product, operand, count, atOut, abort);
      const { f32 } = this.heap;
      // A copy made at once costs half of zeros that are written over.
      if (result === undefined && count === m && n === padded) return f32.slice(atOut / 4, atOut / 4 + m * n);
      result ??= new Float32Array(m * n);
      if (n === padded) result.set(f32.subarray(atOut / 4, atOut / 4 + count * n), row * n);
      else {
        for (let i = 0; i < count; i++) {
          const start = atOut / 4 + i * padded;
          result.set(f32.subarray(start, start + n), (row + i) * n);
        }
      }
    }
    return result;
  }

  private rangeOf(x: Float32Array, atX: number, atOnce: number, range: number): [number, number] {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < x.length; i += atOnce) {
      const part = x.subarray(i, i + atOnce);
      this.write(part, atX);
      if (!this.kernels.minMaxArray(atX, part.length, range)) return [Number.NaN, Number.NaN];
      low = Math.min(low, this.heap.f32[range / 4]);
      high = Math.max(high, this.heap.f32[range / 4 + 1]);
    }
    return [low, high];
  }

  /** A product; a large one by the team, where a trial showed that it is faster. */
  private multiply(product: Product, operand: number, m: number, out: number, abort: AbortCheck): void {
    const work = m * product.padded * product.paddedK;
    if (!this.forTeam(work)) {
      this.multiplyBlocks(product, operand, m, out, abort, undefined);
      return;
    }
    const trial = this.trialOf(work, m);
    const together = trial.next();
    const start = performance.now();
    this.multiplyBlocks(product, operand, m, out, abort, together ? this.team : undefined);
    trial.add(together, (performance.now() - start) / work);
  }

  private trialOf(work: number, m: number): TeamTrial {
    const key = `${m === 1} ${Math.floor(Math.log2(work))}`;
    const trial = this.trials.get(key) ?? new TeamTrial();
    this.trials.set(key, trial);
    return trial;
  }

  /** All blocks of a product, with looks at the abort flag. */
  private multiplyBlocks(
    { record, padded, paddedK }: Product,
    operand: number,
    m: number,
    out: number,
    abort: AbortCheck,
    team: Team | undefined,
  ): void {
    const blocks = padded / 16;
    const perCall = team === undefined ? workPerCall : workPerCheck;
    const atOnce = Math.max(1, Math.floor(perCall / (16 * m * paddedK)));
    for (let from = 0; from < blocks; from += atOnce) {
      if (from > 0) abort.throwIfAborted();
      const to = Math.min(from + atOnce, blocks);
      if (team === undefined) this.kernels.multiply(record, operand, m, out, from, to);
      else team.run('multiply', [record, operand, m, out], from, to);
    }
  }

  /** Addresses of buffers of these sizes, valid until the next call of it; undefined when they do not fit. */
  private layout(sizes: readonly number[]): number[] | undefined {
    const starts: number[] = [];
    let bytes = 0;
    for (const size of sizes) {
      starts.push(bytes);
      bytes += Math.ceil((size + slack) / 64) * 64;
    }
    if (bytes > this.scratch.bytes) {
      if (this.scratch.bytes > 0) this.heap.release(this.scratch.start);
      this.scratch = { start: 0, bytes: 0 };
      if (bytes > 4 * maxScratchBytes) return undefined;
      const start = this.store.alloc(bytes);
      if (start === undefined) return undefined;
      this.scratch = { start, bytes };
    }
    for (let i = 0; i < starts.length; i++) starts[i] += this.scratch.start;
    return starts;
  }

  private write(values: Float32Array, at: number): void {
    const { f32 } = this.heap;
    if (values.length > fewValues) f32.set(values, at / 4);
    else for (let i = 0; i < values.length; i++) f32[at / 4 + i] = values[i];
  }

  private read(at: number, values: Float32Array): void {
    const { f32 } = this.heap;
    if (values.length > fewValues) values.set(f32.subarray(at / 4, at / 4 + values.length));
    else for (let i = 0; i < values.length; i++) values[i] = f32[at / 4 + i];
  }
}
