import { invalid } from '../../core/errors';
import type { AttentionMask } from '../kernels/layerKernels';
import { type FloatTensor, floatTensor, type Tensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';
import { floatInput } from './inputs';
import type { ModuleInputs, RunnableModule } from './module';
import { swapAxes } from './rearrange';

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
    this.check(q, k, v);
    const project = (x: FloatTensor, index: number) => this.project(x, index, context);
    const query = project(q, 0);
    const keys = this.extend(project(k, 1), k.shape[0], batch, 'bias_k');
    const values = this.extend(project(v, 2), v.shape[0], batch, 'bias_v');
    const source = keys.length / (batch * width);
    const shape = { heads: this.options.heads, batch, target, source };
    const mask = attentionMask(inputs[4], inputs[3], { ...shape, masked: k.shape[0] });
    const { output, weights } = context.kernels.layers.attention({
      ...{ query, keys, values, mask, ...shape, width: width / shape.heads },
      abort: context.abort,
    });
    const [projected] = this.outProj.forward([floatTensor(output, [target * batch, width])], context);
    const whole = floatTensor(projected.data as Float32Array, [target, batch, width]);
    const squeezed =
      rank === 2 ? floatTensor(whole.data, [target, width]) : this.options.batchFirst ? swapFirst(whole) : whole;
    return [squeezed, floatTensor(weights, rank === 2 ? [target, source] : [batch, target, source])];
  }

  /** The sequences of one call belong together, and the heads divide their width. */
  private check(q: FloatTensor, k: FloatTensor, v: FloatTensor): void {
    const { embedDim, heads } = this.options;
    if (embedDim % heads !== 0) throw invalid('E_SHAPE', `embed_dim ${embedDim} not divisible by num_heads ${heads}`);
    const [key, value] = [k, v].map(({ shape }) => `(${shape[0]}, ${shape[1]})`);
    if (key !== value) {
      throw invalid('E_SHAPE', `key's sequence and batch dims ${key} do not match value's ${value}`);
    }
    if (q.shape[1] !== k.shape[1]) {
      throw invalid('E_SHAPE', `query has a batch of ${q.shape[1]}, but key has one of ${k.shape[1]}.`);
    }
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

interface MaskShape {
  readonly heads: number;
  readonly batch: number;
  readonly target: number;
  readonly source: number;
  readonly masked: number;
}

/**
 * Boolean masks forbid where they are true; float masks are added. Steps from `masked` on are never masked: they are
 * what the module adds to the `source` steps.
 */
function attentionMask(
  attention: Tensor | undefined,
  padding: Tensor | undefined,
  { heads, batch, target, source, masked }: MaskShape,
): AttentionMask {
  const shared = maskValues(attention, 'attn_mask', [
    [target, masked],
    [batch * heads, target, masked],
  ]);
  const padded = maskValues(padding, 'key_padding_mask', [[batch, masked], ...(batch === 1 ? [[masked]] : [])]);
  return {
    shared: shared && masked > 0 ? widened(shared, masked, source) : undefined,
    perHead: attention?.shape.length === 3,
    padding: padded && masked > 0 ? widened(padded, masked, source) : undefined,
  };
}

/** Rows of `from` values as rows of `to`, with zeros behind. */
function widened(values: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return values;
  const wide = new Float32Array((values.length / from) * to);
  for (let row = 0; row * from < values.length; row++)
    wide.set(values.subarray(row * from, (row + 1) * from), row * to);
  return wide;
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
