import type { AttentionCall, AttentionResult } from '../layerKernels';
import { paddedTo } from './productStore';
import type { WasmHeap } from './wasmHeap';
import type { Layout } from './wasmLayers';
import type { KernelExports } from './webAssembly';

/** Rows of a query that are attended to at once: with some hundred source steps their scores stay in the cache. */
const rowsAtOnce = 64;

/** One sequence of the batch after the other; undefined where one does not fit. */
export function wasmAttention(
  kernels: KernelExports,
  heap: WasmHeap,
  layout: Layout,
  call: AttentionCall,
): AttentionResult | undefined {
  const { query, keys, values, heads, width, batch, target, source, mask, abort } = call;
  const embed = heads * width;
  const block = Math.min(rowsAtOnce, target);
  const packed = 4 * paddedTo(4, source) * paddedTo(4, width);
  const sharedBytes = mask.shared === undefined ? 0 : 4 * target * source;
  const at = layout([
    64,
    4 * target * embed,
    ...[4 * source * embed, 4 * source * embed, packed, packed, sharedBytes, 4 * source],
    8 * target * source,
    4 * target * embed,
    kernels.attentionScratch(block, width, source),
  ]);
  if (at === undefined) return undefined;
  const [record, atQuery, atKeys, atValues, packedKeys, packedValues, atShared, atPadding, sums, atOut, scratch] = at;
  const { f32, u32 } = heap;
  const f64 = new Float64Array(f32.buffer, sums, target * source);
  const output = new Float32Array(target * batch * embed);
  const weights = new Float32Array(batch * target * source);
  for (let b = 0; b < batch; b++) {
    gather(query, f32, atQuery / 4, { steps: target, batch, embed, b });
    gather(keys, f32, atKeys / 4, { steps: source, batch, embed, b });
    gather(values, f32, atValues / 4, { steps: source, batch, embed, b });
    if (mask.padding !== undefined) f32.set(mask.padding.subarray(b * source, (b + 1) * source), atPadding / 4);
    f64.fill(0);
    for (let h = 0; h < heads; h++) {
      const head = 4 * h * width;
      if (mask.shared !== undefined && (mask.perHead || (b === 0 && h === 0))) {
        const start = mask.perHead ? (b * heads + h) * target * source : 0;
        f32.set(mask.shared.subarray(start, start + target * source), atShared / 4);
      }
      kernels.packRows(atKeys + head, 4 * embed, source, width, packedKeys);
      kernels.packColumns(atValues + head, 4 * embed, source, width, packedValues);
      for (let row = 0; row < target; row += block) {
        abort.throwIfAborted();
        const start = 4 * row * embed + head;
        const rows = Math.min(block, target - row);
        const shared = mask.shared === undefined ? 0 : atShared + 4 * row * source;
        const padding = mask.padding === undefined ? 0 : atPadding;
        const fields = [atQuery + start, 4 * embed, rows, width, source, packedKeys, packedValues, shared, padding];
        u32.set([...fields, sums + 8 * row * source, atOut + start, scratch], record / 4);
        kernels.attendRows(record);
      }
    }
    scatter(f32, atOut / 4, output, { steps: target, batch, embed, b });
    const first = b * target * source;
    for (let i = 0; i < f64.length; i++) weights[first + i] = f64[i] / heads;
  }
  return { output, weights };
}

/** One sequence of a [steps, batch, embed]. */
interface Sequence {
  readonly steps: number;
  readonly batch: number;
  readonly embed: number;
  readonly b: number;
}

function gather(x: Float32Array, out: Float32Array, at: number, { steps, batch, embed, b }: Sequence): void {
  if (batch === 1) {
    out.set(x, at);
    return;
  }
  for (let step = 0; step < steps; step++) {
    const from = (step * batch + b) * embed;
    out.set(x.subarray(from, from + embed), at + step * embed);
  }
}

function scatter(x: Float32Array, at: number, out: Float32Array, { steps, batch, embed, b }: Sequence): void {
  for (let step = 0; step < steps; step++) {
    const from = at + step * embed;
    out.set(x.subarray(from, from + embed), (step * batch + b) * embed);
  }
}
