import { invalid } from '../../core/errors';
import { type FloatTensor, floatTensor, type Tensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';
import { floatInput } from './inputs';
import type { ModuleInputs, RunnableModule } from './module';
import { swapAxes, transposed } from './rearrange';

export interface AttentionOptions {
  readonly embedDim: number;
  readonly heads: number;
  readonly batchFirst: boolean;
  readonly addZeroAttention: boolean;
}

/**
 * torch.nn.MultiheadAttention. Arguments query, key, value, key_padding_mask, attn_mask; gives the
 * output and the weights averaged over the heads. The input projections are plain parameters and
 * `out_proj` is a NonDynamicallyQuantizableLinear: PyTorch's fused operator reads its weight
 * itself, so quantize_dynamic leaves all of them float.
 */
export class MultiheadAttention implements RunnableModule {
  readonly outputs = ['attn_output', 'attn_weights'];
  private readonly parts = new Map<number, FloatTensor>();

  constructor(
    readonly options: AttentionOptions,
    readonly parameters: ReadonlyMap<string, FloatTensor>,
    readonly outProj: RunnableModule,
  ) {}

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    const given = ['query', 'key', 'value'].map((name, i) => floatInput(inputs[i], name));
    const rank = given[0].shape.length;
    if (rank !== 2 && rank !== 3) {
      throw invalid('E_SHAPE', `query should be unbatched 2D or batched 3D tensor but received ${rank}-D query tensor`);
    }
    const [q, k, v] = given.map((tensor) => this.steps(tensor, rank));
    const [target, batch] = q.shape;
    const width = this.options.embedDim;
    const project = (x: FloatTensor, index: number) => this.project(x, index, context);
    const query = project(q, 0);
    const keys = this.extend(project(k, 1), k.shape[0], batch, 'bias_k');
    const values = this.extend(project(v, 2), v.shape[0], batch, 'bias_v');
    const source = keys.length / (batch * width);
    const mask = attentionMask(inputs[4], inputs[3], { heads: this.options.heads, batch, target, source: k.shape[0] });
    const { output, weights } = attend(query, keys, values, { ...this.options, batch, target, source }, mask, context);
    const [projected] = this.outProj.forward([floatTensor(output, [target * batch, width])], context);
    const whole = floatTensor(projected.data as Float32Array, [target, batch, width]);
    const squeezed =
      rank === 2 ? floatTensor(whole.data, [target, width]) : this.options.batchFirst ? swapFirst(whole) : whole;
    return [squeezed, floatTensor(weights, rank === 2 ? [target, source] : [batch, target, source])];
  }

  /** [steps, batch, width], whatever the layout. */
  private steps(tensor: FloatTensor, rank: number): FloatTensor {
    const { shape } = tensor;
    if (shape.length !== rank)
      throw invalid('E_SHAPE', `query, key and value must have the same rank; got [${shape.join(', ')}].`);
    if (rank === 2) return floatTensor(tensor.data, [shape[0], 1, shape[1]]);
    return this.options.batchFirst ? swapFirst(tensor) : tensor;
  }

  /** W x + b with the part of the joined weight, or with the weight that is its own. */
  private project(x: FloatTensor, index: number, { kernels }: ForwardContext): Float32Array {
    const width = this.options.embedDim;
    const joined = this.parameters.get('in_proj_weight');
    const weight =
      joined === undefined
        ? this.parameters.get(['q_proj_weight', 'k_proj_weight', 'v_proj_weight'][index])
        : this.partOf(joined, index);
    if (weight === undefined)
      throw invalid('E_NO_PARAMETER', 'This MultiheadAttention has neither in_proj_weight nor q_proj_weight.');
    if (x.shape[2] !== weight.shape[1]) {
      throw invalid('E_SHAPE', `was expecting embedding dimension of ${weight.shape[1]}, but got ${x.shape[2]}`);
    }
    const rows = x.shape[0] * x.shape[1];
    const out = new Float32Array(rows * width);
    const bias = this.parameters.get('in_proj_bias')?.data.subarray(index * width, (index + 1) * width);
    kernels.gemmFloat(x.data, weight.data, bias, rows, width, weight.shape[1], out, true);
    return out;
  }

  /** The query's, key's or value's rows of the joined weight; the same array every time, so that kernels keep their copy. */
  private partOf({ data, shape }: FloatTensor, index: number): FloatTensor {
    const { embedDim } = this.options;
    const known = this.parts.get(index);
    if (known !== undefined) return known;
    const size = embedDim * shape[1];
    const part = floatTensor(data.subarray(index * size, (index + 1) * size), [embedDim, shape[1]]);
    this.parts.set(index, part);
    return part;
  }

  /** One learned step, and one of zeros, after the last where the options ask for them. */
  private extend(projected: Float32Array, steps: number, batch: number, name: string): Float32Array {
    const width = this.options.embedDim;
    const learned = this.parameters.get(name);
    const extra = (learned === undefined ? 0 : 1) + (this.options.addZeroAttention ? 1 : 0);
    if (extra === 0) return projected;
    const extended = new Float32Array((steps + extra) * batch * width);
    extended.set(projected);
    for (let b = 0; learned !== undefined && b < batch; b++) extended.set(learned.data, (steps * batch + b) * width);
    return extended;
  }
}

interface Heads {
  readonly embedDim: number;
  readonly heads: number;
  readonly batch: number;
  readonly target: number;
  readonly source: number;
}

/** softmax(q kᵀ / √d + mask) v of every head; the softmax is summed in double. */
function attend(
  query: Float32Array,
  keys: Float32Array,
  values: Float32Array,
  shape: Heads,
  mask: Mask | undefined,
  { kernels, abort }: ForwardContext,
) {
  const { embedDim, heads, batch, target, source } = shape;
  const width = embedDim / heads;
  const output = new Float32Array(target * batch * embedDim);
  const averaged = new Float64Array(batch * target * source);
  const scores = new Float32Array(target * source);
  const exponents = new Float64Array(source);
  const mixed = new Float32Array(target * width);
  for (let b = 0; b < batch; b++) {
    abort.throwIfAborted();
    for (let h = 0; h < heads; h++) {
      const part = (x: Float32Array, steps: number) =>
        headOf(x, steps, b * embedDim + h * width, batch * embedDim, width);
      kernels.gemmFloat(part(query, target), part(keys, source), undefined, target, source, width, scores);
      const divisor = Math.sqrt(width);
      for (let t = 0; t < target; t++) {
        for (let s = 0; s < source; s++) exponents[s] = scores[t * source + s] / divisor;
        if (mask !== undefined) for (let s = 0; s < source; s++) exponents[s] += mask(b, h, t, s);
        softmax(exponents, scores, t * source);
      }
      addShares(averaged, b * target * source, scores, heads);
      const columns = transposed(part(values, source), source, width);
      kernels.gemmFloat(scores, columns, undefined, target, width, source, mixed);
      for (let t = 0; t < target; t++) {
        output.set(mixed.subarray(t * width, (t + 1) * width), (t * batch + b) * embedDim + h * width);
      }
    }
  }
  return { output, weights: Float32Array.from(averaged) };
}

/** A head's part of the weights that are averaged over all heads. */
function addShares(averaged: Float64Array, start: number, scores: Float32Array, heads: number): void {
  for (let i = 0; i < scores.length; i++) averaged[start + i] += scores[i] / heads;
}

/** One head of one sequence as rows: [steps, width]. */
function headOf(x: Float32Array, steps: number, start: number, stride: number, width: number): Float32Array {
  const rows = new Float32Array(steps * width);
  for (let s = 0; s < steps; s++) rows.set(x.subarray(start + s * stride, start + s * stride + width), s * width);
  return rows;
}

/** The softmax of `exponents`, which it writes over, into `out` from `start` on. */
function softmax(exponents: Float64Array, out: Float32Array, start: number): void {
  let max = Number.NEGATIVE_INFINITY;
  for (let s = 0; s < exponents.length; s++) max = Math.max(max, exponents[s]);
  let sum = 0;
  for (let s = 0; s < exponents.length; s++) {
    const value = Math.exp(exponents[s] - max);
    exponents[s] = value;
    sum += value;
  }
  for (let s = 0; s < exponents.length; s++) out[start + s] = exponents[s] / sum;
}

/** What is added to the score of one target and source step. */
type Mask = (batch: number, head: number, target: number, source: number) => number;

interface MaskShape {
  readonly heads: number;
  readonly batch: number;
  readonly target: number;
  readonly source: number;
}

/** Boolean masks forbid where they are true; float masks are added. Steps beyond `source` are never masked. Undefined for no mask. */
function attentionMask(
  attention: Tensor | undefined,
  padding: Tensor | undefined,
  { heads, batch, target, source }: MaskShape,
): Mask | undefined {
  const shared = maskValues(attention, 'attn_mask', [
    [target, source],
    [batch * heads, target, source],
  ]);
  const padded = maskValues(padding, 'key_padding_mask', [[batch, source], ...(batch === 1 ? [[source]] : [])]);
  if (shared === undefined && padded === undefined) return undefined;
  const perHead = attention?.shape.length === 3;
  return (b, h, t, s) => {
    if (s >= source) return 0;
    const row = perHead ? (b * heads + h) * target + t : t;
    return (shared?.[row * source + s] ?? 0) + (padded?.[b * source + s] ?? 0);
  };
}

function maskValues(
  mask: Tensor | undefined,
  name: string,
  shapes: readonly (readonly number[])[],
): Float32Array | undefined {
  if (mask === undefined) return undefined;
  if (!shapes.some((shape) => shape.join() === mask.shape.join())) {
    throw invalid(
      'E_SHAPE',
      `The shape of ${name} is [${mask.shape.join(', ')}], but should be (${shapes[0].join(', ')}).`,
    );
  }
  if (mask.dtype !== 'bool') return floatInput(mask, name).data;
  return Float32Array.from(mask.data as Uint8Array, (forbidden) => (forbidden === 0 ? 0 : Number.NEGATIVE_INFINITY));
}

/** [a, b, width] to [b, a, width]. */
function swapFirst({ data, shape: [a, b, width] }: FloatTensor): FloatTensor {
  return floatTensor(swapAxes(data, a, b, width), [b, a, width]);
}
