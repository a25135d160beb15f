import type { AttentionCall, AttentionResult, FunctionName, LayerKernels, Norm } from '../layerKernels';
import { referenceLayers } from '../reference/referenceLayers';
import { wasmAttention } from './wasmAttention';
import type { WasmHeap } from './wasmHeap';
import type { KernelExports } from './webAssembly';

/** Values that go through the kernels' memory together: they stay in the cache from the copy to the result. */
const valuesAtOnce = 32_768;

/** Their numbers in assembly/functions.ts. */
const functions: readonly FunctionName[] = ['relu', 'sigmoid', 'tanh', 'silu', 'gelu', 'geluTanh'];

/** Addresses of buffers of these sizes with room for a vector behind each; valid until the next call. */
export type Layout = (sizes: readonly number[]) => readonly number[] | undefined;

/** What does not fit goes to the reference. */
export class WasmLayers implements LayerKernels {
  constructor(
    private readonly kernels: KernelExports,
    private readonly heap: WasmHeap,
    private readonly layout: Layout,
  ) {}

  activate(name: FunctionName, x: Float32Array, out: Float32Array): void {
    const at = this.layout([4 * Math.min(valuesAtOnce, x.length)]);
    if (at === undefined) {
      referenceLayers.activate(name, x, out);
      return;
    }
    const { f32 } = this.heap;
    const start = at[0] / 4;
    const kind = functions.indexOf(name);
    for (let from = 0; from < x.length; from += valuesAtOnce) {
      const count = Math.min(valuesAtOnce, x.length - from);
      f32.set(x.subarray(from, from + count), start);
      this.kernels.activate(kind, at[0], count);
      out.set(f32.subarray(start, start + count), from);
    }
  }

  softmax(x: Float32Array, size: number, out: Float32Array): void {
    const done = this.inRows(x, size, out, [8 * size], (rows, from, to, [row]) =>
      this.kernels.softmaxRows(from, rows, size, row, to),
    );
    if (!done) referenceLayers.softmax(x, size, out);
  }

  normalize(x: Float32Array, norm: Norm, out: Float32Array): void {
    const { size, eps, centered, weight, bias } = norm;
    const affine = [weight, bias].map((one) => (one === undefined ? 0 : 4 * size));
    const done = this.inRows(x, size, out, affine, (rows, from, to, [w, b], first) => {
      if (first) {
        if (weight !== undefined) this.heap.f32.set(weight, w / 4);
        if (bias !== undefined) this.heap.f32.set(bias, b / 4);
      }
      const at = [weight === undefined ? 0 : w, bias === undefined ? 0 : b];
      this.kernels.normalizeRows(from, rows, size, eps, centered ? 1 : 0, at[0], at[1], to);
    });
    if (!done) referenceLayers.normalize(x, norm, out);
  }

  attention(call: AttentionCall): AttentionResult {
    return wasmAttention(this.kernels, this.heap, this.layout, call) ?? referenceLayers.attention(call);
  }

  /** Some rows after the other, each time from one buffer to another; false where they do not fit. */
  private inRows(
    x: Float32Array,
    size: number,
    out: Float32Array,
    others: readonly number[],
    each: (rows: number, from: number, to: number, others: readonly number[], first: boolean) => void,
  ): boolean {
    if (x.length === 0) return true;
    const atOnce = size * Math.max(1, Math.min(Math.floor(valuesAtOnce / size), x.length / size));
    const at = this.layout([4 * atOnce, 4 * atOnce, ...others]);
    if (at === undefined) return false;
    const [from, to, ...rest] = at;
    const { f32 } = this.heap;
    for (let start = 0; start < x.length; start += atOnce) {
      const count = Math.min(atOnce, x.length - start);
      f32.set(x.subarray(start, start + count), from / 4);
      each(count / size, from, to, rest, start === 0);
      out.set(f32.subarray(to / 4, to / 4 + count), start);
    }
    return true;
  }
}
