import { invalid } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { broadcastShapes, expand } from '../values/broadcast';
import { mapElements, zip3Elements } from '../values/elementwise';
import { unary } from '../values/loops';
import { clone, dense, emptyTensor, type StridedTensor } from '../values/stridedTensor';
import { PyFloat, PyTuple } from '../values/values';
import { tensorArithmetic } from './arithmetic';
import { linear, matmul, product } from './matrix';
import { layerNorm, softmax, softmaxRows } from './normalization';
import { childWith, isOwn, productOf } from './quantizable';
import { reduce } from './reduction';
import { narrow, permute, reshape, slice, transpose } from './shape';
import { define } from './table';
import { geluOf } from './unary';

/** Scaled dot product attention, and the fused encoder that nn.TransformerEncoderLayer uses in evaluation mode. */

type Optional = StridedTensor | null;

/** softmax(q kᵀ · scale + mask) v; a row that is masked wholly gives 0. */
export function attention(
  run: Run,
  q: StridedTensor,
  k: StridedTensor,
  v: StridedTensor,
  mask: Optional,
  causal: boolean,
  scale: number | null,
): StridedTensor {
  const [length, width] = q.shape.slice(-2);
  const keys = k.shape.at(-2) as number;
  const valueWidth = v.shape.at(-1) as number;
  const batch = broadcastShapes(q.shape.slice(0, -2), k.shape.slice(0, -2), v.shape.slice(0, -2));
  const out = emptyTensor(run.budget, q.type, [...batch, length, valueWidth]);
  const count = numel(batch);
  const [qs, ks] = [
    dense(run.budget, expand(q, [...batch, length, width])),
    dense(run.budget, expand(k, [...batch, keys, width])),
  ];
  const vs = dense(run.budget, transpose(expand(v, [...batch, keys, valueWidth]), -2, -1));
  const allowed = mask === null ? undefined : dense(run.budget, expand(mask, [...batch, length, keys]));
  const boolean = mask?.type === 'bool';
  const factor = scale ?? 1 / Math.sqrt(width);
  const scores = emptyTensor(run.budget, q.type, [length, keys]).storage.data;
  for (let b = 0; b < count; b++) {
    product(
      run,
      q.type,
      qs.subarray(b * length * width, (b + 1) * length * width),
      ks.subarray(b * keys * width, (b + 1) * keys * width),
      undefined,
      [length, keys, width],
      scores,
    );
    run.budget.compute(length * keys * 10);
    const masked: number[] = [];
    for (let i = 0; i < length; i++) {
      let top = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < keys; j++) {
        const at = i * keys + j;
        let score = scores[at] * factor;
        if (allowed !== undefined) {
          const m = allowed[b * length * keys + at];
          score = boolean ? (m !== 0 ? score : Number.NEGATIVE_INFINITY) : score + m;
        }
        if (causal && j > i) score = Number.NEGATIVE_INFINITY;
        scores[at] = score;
        if (score > top) top = score;
      }
      if (top === Number.NEGATIVE_INFINITY) masked.push(i);
    }
    softmaxRows(run, scores, keys, scores, false);
    for (const i of masked) scores.fill(0, i * keys, (i + 1) * keys);
    product(
      run,
      q.type,
      scores,
      vs.subarray(b * keys * valueWidth, (b + 1) * keys * valueWidth),
      undefined,
      [length, valueWidth, keys],
      out.storage.data.subarray(b * length * valueWidth, (b + 1) * length * valueWidth),
    );
  }
  return out;
}

/** Key and value heads repeated to the number of query heads. */
function repeatHeads(run: Run, x: StridedTensor, times: number): StridedTensor {
  const [batch, heads, ...rest] = x.shape;
  return reshape(run, expand(reshape(run, x, [batch, heads, 1, ...rest]), [batch, heads, times, ...rest]), [
    batch,
    heads * times,
    ...rest,
  ]);
}

const signature =
  'scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0, bool is_causal=False, float? scale=None, bool enable_gqa=False)';
define(
  signature,
  (
    run,
    q: StridedTensor,
    k: StridedTensor,
    v: StridedTensor,
    mask: Optional,
    dropout: number,
    causal: boolean,
    scale: number | null,
    gqa: boolean,
  ) => {
    if (dropout > 0)
      throw invalid(
        'E_RUN_TRAINING',
        'scaled_dot_product_attention would drop values at random here; Quantscope runs models in evaluation mode.',
      );
    const times = gqa ? (q.shape.at(-3) as number) / (k.shape.at(-3) as number) : 1;
    const [key, value] = times === 1 ? [k, v] : [repeatHeads(run, k, times), repeatHeads(run, v, times)];
    return attention(run, q, key, value, mask, causal, scale);
  },
);

/**
 * Nested tensors, as far as the encoder's fast path makes them: padded data, and which positions
 * of each sequence are there.
 */
const lengthsOf = new WeakMap<StridedTensor, StridedTensor>();

define('is_nested(Tensor self)', (_run, x: StridedTensor) => lengthsOf.has(x), 'prim');
define(
  '_nested_tensor_from_mask(Tensor t, Tensor mask, bool mask_check=True)',
  (run, x: StridedTensor, mask: StridedTensor) => {
    const nested = clone(run.budget, x);
    lengthsOf.set(nested, mask);
    return nested;
  },
);
define(
  '_nested_tensor_from_mask_left_aligned(Tensor t, Tensor mask)',
  (run, _x: StridedTensor, mask: StridedTensor) => {
    const values = dense(run.budget, mask);
    const length = mask.shape[1];
    return values.every((one, i) => i % length === 0 || one <= values[i - 1]);
  },
);
define(
  'to_padded_tensor(Tensor self, float padding, int[]? output_size=None)',
  (run, x: StridedTensor, padding: number) => {
    const mask = lengthsOf.get(x);
    if (mask === undefined) return x;
    const present = reshape(run, mask, [...mask.shape, 1]);
    return zip3Elements(run, [present, x, new PyFloat(padding)], x.type, (there, value, fill) =>
      there !== 0 ? value : fill,
    );
  },
);

/** [batch, length, 3·embed] to three of [batch, heads, length, embed/heads]. */
function splitHeads(run: Run, x: StridedTensor, heads: number): StridedTensor {
  const [batch, length, embed] = x.shape;
  return permute(reshape(run, x, [batch, length, heads, embed / heads]), [0, 2, 1, 3]);
}

/** A mask of PyTorch's fast paths as one that is added: 0 source mask, 1 padding mask, 2 both given as 4 dimensions. */
function additive(
  run: Run,
  mask: Optional,
  type: number | null,
  [batch, heads, length, keys]: readonly number[],
): Optional {
  if (mask === null) return null;
  let shaped = mask;
  if (type === 1) shaped = reshape(run, mask, [batch, 1, 1, keys]);
  else if (mask.rank === 2) shaped = reshape(run, mask, [1, 1, ...mask.shape]);
  else if (mask.rank === 3) shaped = reshape(run, mask, [batch, heads, length, keys]);
  if (mask.type !== 'bool') return shaped;
  const out = emptyTensor(run.budget, 'float32', shaped.shape);
  const values = dense(run.budget, shaped);
  for (let i = 0; i < values.length; i++) out.storage.data[i] = values[i] !== 0 ? Number.NEGATIVE_INFINITY : 0;
  return out;
}

interface SelfAttention {
  readonly heads: number;
  readonly qkvWeight: StridedTensor;
  readonly qkvBias: Optional;
  readonly projWeight: StridedTensor;
  readonly projBias: Optional;
}

function multiHead(
  run: Run,
  q: StridedTensor,
  k: StridedTensor,
  v: StridedTensor,
  own: SelfAttention,
  mask: Optional,
  maskType: number | null,
  needWeights: boolean,
) {
  const embed = own.projWeight.shape[0];
  const project = (x: StridedTensor, i: number) =>
    splitHeads(
      run,
      linear(
        run,
        x,
        slice(own.qkvWeight, 0, i * embed, (i + 1) * embed, 1),
        own.qkvBias === null ? null : slice(own.qkvBias, 0, i * embed, (i + 1) * embed, 1),
      ),
      own.heads,
    );
  const [qs, ks, vs] = [project(q, 0), project(k, 1), project(v, 2)];
  const [batch, heads, length, width] = qs.shape;
  const added = additive(run, mask, maskType, [batch, heads, length, ks.shape[2]]);
  const joined = attention(run, qs, ks, vs, added, false, null);
  const out = linear(
    run,
    reshape(run, permute(joined, [0, 2, 1, 3]), [batch, length, embed]),
    own.projWeight,
    own.projBias,
  );
  if (!needWeights) return { out, weights: null };
  const scaled = tensorArithmetic(run, 'div', matmul(run, qs, transpose(ks, -2, -1)), Math.sqrt(width));
  return { out, weights: softmax(run, added === null ? scaled : tensorArithmetic(run, 'add', scaled, added), -1) };
}

define(
  '_native_multi_head_attention(Tensor query, Tensor key, Tensor value, int embed_dim, int num_head, Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, Tensor? mask=None, bool need_weights=True, bool average_attn_weights=True, int? mask_type=None)',
  (
    run,
    q: StridedTensor,
    k: StridedTensor,
    v: StridedTensor,
    _embed: number,
    heads: number,
    qkvWeight: StridedTensor,
    qkvBias: StridedTensor,
    projWeight: StridedTensor,
    projBias: StridedTensor,
    mask: Optional,
    needWeights: boolean,
    averaged: boolean,
    maskType: number | null,
  ) => {
    const { out, weights } = multiHead(
      run,
      q,
      k,
      v,
      { heads, qkvWeight, qkvBias, projWeight, projBias },
      mask,
      maskType,
      needWeights,
    );
    const shown = weights !== null && averaged ? meanOverHeads(run, weights) : weights;
    return new PyTuple([out, shown ?? emptyTensor(run.budget, 'float32', [0])]);
  },
);

function meanOverHeads(run: Run, weights: StridedTensor): StridedTensor {
  return reduce(run, weights, [1], false, weights.type, (values, start, end) => {
    let sum = 0;
    for (let i = start; i < end; i++) sum += values[i];
    return sum / (end - start);
  });
}

type Layer = [
  src: StridedTensor,
  embed: number,
  heads: number,
  qkvW: StridedTensor,
  qkvB: StridedTensor,
  projW: StridedTensor,
  projB: StridedTensor,
  gelu: boolean,
  normFirst: boolean,
  eps: number,
  n1w: StridedTensor,
  n1b: StridedTensor,
  n2w: StridedTensor,
  n2b: StridedTensor,
  f1w: StridedTensor,
  f1b: StridedTensor,
  f2w: StridedTensor,
  f2b: StridedTensor,
  mask: Optional,
  maskType: number | null,
];

define<Layer>(
  '_transformer_encoder_layer_fwd(Tensor src, int embed_dim, int num_heads, Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, bool use_gelu, bool norm_first, float eps, Tensor norm_weight_1, Tensor norm_bias_1, Tensor norm_weight_2, Tensor norm_bias_2, Tensor ffn_weight_1, Tensor ffn_bias_1, Tensor ffn_weight_2, Tensor ffn_bias_2, Tensor? mask=None, int? mask_type=None)',
  (
    run,
    src,
    embed,
    heads,
    qkvWeight,
    qkvBias,
    projWeight,
    projBias,
    useGelu,
    normFirst,
    eps,
    n1w,
    n1b,
    n2w,
    n2b,
    f1w,
    f1b,
    f2w,
    f2b,
    givenMask,
    givenType,
  ) => {
    const present = lengthsOf.get(src);
    const absent = present && mapElements(run, present, 'bool', (there) => 1 - there);
    const [mask, maskType] = absent === undefined ? [givenMask, givenType] : [absent, 1];
    const norm = (x: StridedTensor, w: StridedTensor, b: StridedTensor) => layerNorm(run, x, [embed], w, b, eps);
    const attend = (x: StridedTensor) =>
      multiHead(run, x, x, x, { heads, qkvWeight, qkvBias, projWeight, projBias }, mask, maskType, false).out;
    const activate = (x: StridedTensor) =>
      useGelu ? geluOf(run, x, 'none') : mapElements(run, x, x.type, (value) => (value < 0 ? 0 : value), unary.relu);
    const layer = run.modules.at(-1);
    const product = (x: StridedTensor, weight: StridedTensor, bias: Optional) =>
      productOf(run, childWith(layer, weight), x, weight, bias);
    const feed = (x: StridedTensor) => product(activate(product(x, f1w, f1b)), f2w, f2b);
    const add = (a: StridedTensor, b: StridedTensor) => tensorArithmetic(run, 'add', a, b);
    let out: StridedTensor;
    if (normFirst) {
      const x = add(src, attend(norm(src, n1w, n1b)));
      out = add(x, feed(norm(x, n2w, n2b)));
    } else {
      const x = norm(add(src, attend(src)), n1w, n1b);
      out = norm(add(x, feed(x)), n2w, n2b);
    }
    if (present !== undefined) lengthsOf.set(out, present);
    return out;
  },
);

/** nn.MultiheadAttention's own function, without the fast path. */
export interface MultiheadArguments {
  readonly query: StridedTensor;
  readonly key: StridedTensor;
  readonly value: StridedTensor;
  readonly heads: number;
  readonly inWeight: Optional;
  readonly separate: readonly [Optional, Optional, Optional];
  readonly inBias: Optional;
  readonly outWeight: StridedTensor;
  readonly outBias: Optional;
  readonly keyPadding: Optional;
  readonly mask: Optional;
  readonly needWeights: boolean;
  readonly average: boolean;
}

/** Inputs [length, batch, embed]; gives the output of the same layout and the weights [batch, (heads,) length, keys] or null. */
export function multiheadForward(run: Run, a: MultiheadArguments): PyTuple {
  const embed = a.outWeight.shape[0];
  const module = run.modules.at(-1);
  const own = a.inWeight !== null && isOwn(module, a.inWeight);
  // One product where all three have one input: its weight is packed once.
  const joint = own && a.query === a.key && a.key === a.value ? linear(run, a.query, a.inWeight, a.inBias, own) : null;
  const bias = (i: number) => (a.inBias === null ? null : slice(a.inBias, 0, i * embed, (i + 1) * embed, 1));
  const weight = (i: number) =>
    a.inWeight === null ? (a.separate[i] as StridedTensor) : slice(a.inWeight, 0, i * embed, (i + 1) * embed, 1);
  const project = (x: StridedTensor, i: number) =>
    splitHeads(
      run,
      transpose(joint === null ? linear(run, x, weight(i), bias(i)) : narrow(joint, -1, i * embed, embed), 0, 1),
      a.heads,
    );
  const [q, k, v] = [project(a.query, 0), project(a.key, 1), project(a.value, 2)];
  const [batch, heads, length, width] = q.shape;
  const size = [batch, heads, length, k.shape[2]];
  const masks = [additive(run, a.mask, 0, size), additive(run, a.keyPadding, 1, size)].filter((mask) => mask !== null);
  const mask = masks.length === 2 ? tensorArithmetic(run, 'add', masks[0], masks[1]) : (masks[0] ?? null);
  const scaled = tensorArithmetic(run, 'mul', q, new PyFloat(1 / Math.sqrt(width)));
  const scores = matmul(run, scaled, transpose(k, -2, -1));
  const weights = softmax(run, mask === null ? scores : tensorArithmetic(run, 'add', scores, mask), -1);
  const joined = a.needWeights ? matmul(run, weights, v) : attention(run, q, k, v, mask, false, null);
  const out = linear(
    run,
    reshape(run, permute(joined, [2, 0, 1, 3]), [length, batch, embed]),
    a.outWeight,
    a.outBias,
    childWith(module, a.outWeight) !== undefined,
  );
  return new PyTuple([out, a.needWeights ? (a.average ? meanOverHeads(run, weights) : weights) : null]);
}
