import {
  type EmitContext,
  type Emitter,
  float,
  type Node,
  notExported,
  renamed,
  requireRank,
  type Value,
} from './emitContext';
import { int, ints } from './graphBuilder';
import { matrixBytes, transposed } from './matrices';
import { joinPath } from './weightSource';

/**
 * torch.nn.MultiheadAttention without masks: `softmax(q kᵀ / √d) v` of every head, and the weights
 * averaged over the heads. Its products stay float, as quantize_dynamic leaves them.
 */
const attention: Emitter = (context, node, inputs) => {
  requireRank(node, inputs[0], 3);
  const attributes = context.attributes(node);
  if (context.shapeOf(node, 'bias_k') !== undefined || attributes.flag('add_zero_attn', false))
    throw notExported(node, 'it adds steps to its keys (add_bias_kv or add_zero_attn)');
  const { graph } = context;
  const { path } = node;
  const heads = attributes.size('num_heads');
  const width = context.shapeOf(node, 'in_proj_weight')?.[1] ?? context.shapeOf(node, 'q_proj_weight')?.[0];
  if (width === undefined) throw notExported(node, 'it has neither in_proj_weight nor q_proj_weight');
  const batchFirst = attributes.flag('batch_first', false);
  const split = graph.ints(joinPath(path, 'heads'), [0, 0, heads, width / heads]);
  const [query, key, value] = [inputs[0], inputs[1] ?? inputs[0], inputs[2] ?? inputs[0]].map((input, i) => {
    const rows = batchFirst ? input.name : graph.op('Transpose', path, [input.name], { perm: ints(1, 0, 2) });
    const parts = graph.op('Reshape', path, [project(context, node, rows, i, width), split]);
    // Keys are turned for the product with the queries.
    return graph.op('Transpose', path, [parts], { perm: i === 1 ? ints(0, 2, 3, 1) : ints(0, 2, 1, 3) });
  });
  const root = graph.floats(joinPath(path, 'root'), [Math.sqrt(width / heads)], []);
  const scores = graph.op('Div', path, [graph.op('MatMul', path, [query, key]), root]);
  const weights = graph.op('Softmax', path, [scores], { axis: int(-1) });
  const mixed = graph.op('Transpose', path, [graph.op('MatMul', path, [weights, value])], { perm: ints(0, 2, 1, 3) });
  const joined = graph.op('Reshape', path, [mixed, graph.ints(joinPath(path, 'joined'), [0, 0, width])]);
  const [batch, target, source] = batchFirst
    ? [inputs[0].shape[0], inputs[0].shape[1], (inputs[1] ?? inputs[0]).shape[1]]
    : [inputs[0].shape[1], inputs[0].shape[0], (inputs[1] ?? inputs[0]).shape[0]];
  const projected = context.run(context.child(node, 'out_proj'), float(joined, [batch, target, width]));
  const output = batchFirst
    ? projected
    : float(graph.op('Transpose', path, [projected.name], { perm: ints(1, 0, 2) }), [target, batch, width]);
  const axes = graph.ints(joinPath(path, 'head_axis'), [1]);
  const averaged = graph.op('ReduceMean', path, [weights, axes], { keepdims: int(0) });
  return [output, float(averaged, [batch, target, source])];
};

/** W x + b with the query's, key's or value's rows of the joined weight, or the weight that is its own. */
function project({ graph, weights }: EmitContext, { path }: Node, x: string, index: number, width: number): string {
  const joined = joinPath(path, 'in_proj_weight');
  const part = ['q', 'k', 'v'][index];
  const own = joinPath(path, `${part}_proj_weight`);
  const isJoined = weights.has(joined);
  const columns = weights.shape(isJoined ? joined : own)[1];
  const matrix = graph.constant(own, 'float32', [columns, width], async () => {
    const rows = isJoined
      ? (await weights.floats(joined)).slice(index * width * columns, (index + 1) * width * columns)
      : await weights.floats(own);
    return matrixBytes(transposed(rows, width, columns));
  });
  const product = graph.op('MatMul', path, [x, matrix]);
  const bias = joinPath(path, 'in_proj_bias');
  if (!weights.has(bias)) return product;
  const added = graph.constant(joinPath(path, `${part}_proj_bias`), 'float32', [width], async () =>
    matrixBytes((await weights.floats(bias)).slice(index * width, (index + 1) * width)),
  );
  return graph.op('Add', path, [product, added]);
}

type Part = (x: Value) => Value;

/** x + part(norm(x)), or norm(x + part(x)). */
function residual(context: EmitContext, node: Node, x: Value, norm: Node, part: Part): Value {
  const add = (y: Value) => renamed(x, context.graph.op('Add', node.path, [x.name, y.name]));
  return context.attributes(node).flag('norm_first', false)
    ? add(part(context.run(norm, x)))
    : context.run(norm, add(part(x)));
}

function feedForward(context: EmitContext, node: Node): Part {
  return (x) => {
    const hidden = context.run(context.child(node, 'linear1'), x);
    return context.run(context.child(node, 'linear2'), activated(context, node, hidden));
  };
}

/** The layer keeps a module, or a function of which a file has the name; newer ones also keep 1 for relu and 2 for gelu. */
function activated(context: EmitContext, node: Node, x: Value): Value {
  const module = node.children.find(({ name }) => name === 'activation');
  if (module !== undefined) return context.run(module, x);
  const attributes = context.attributes(node);
  const code = attributes.optionalNumber('activation_relu_or_gelu');
  const name = attributes.text('activation', code === 2 ? 'gelu' : 'relu').replace(/^.*\./, '');
  if (name !== 'relu' && name !== 'gelu') throw notExported(node, `its activation ${name} is not known`);
  return renamed(x, context.graph.op(name === 'relu' ? 'Relu' : 'Gelu', node.path, [x.name]));
}

const encoderLayer: Emitter = (context, node, [src]) => {
  const own = context.child(node, 'self_attn');
  const x = residual(context, node, src, context.child(node, 'norm1'), (y) => context.emit(context, own, [y])[0]);
  return [residual(context, node, x, context.child(node, 'norm2'), feedForward(context, node))];
};

const decoderLayer: Emitter = (context, node, [tgt, memory]) => {
  const [own, cross] = ['self_attn', 'multihead_attn'].map((name) => context.child(node, name));
  const parts: Part[] = [
    (x) => context.emit(context, own, [x])[0],
    (x) => context.emit(context, cross, [x, memory, memory])[0],
    feedForward(context, node),
  ];
  return [parts.reduce((x, part, i) => residual(context, node, x, context.child(node, `norm${i + 1}`), part), tgt)];
};

/** The layers in turn, then the norm. */
const stack: Emitter = (context, node, [first, ...rest]) => {
  let x = first;
  for (const layer of context.child(node, 'layers').children) x = context.emit(context, layer, [x, ...rest])[0];
  const norm = node.children.find(({ name }) => name === 'norm');
  return [norm === undefined ? x : context.run(norm, x)];
};

const transformer: Emitter = (context, node, [src, tgt]) => {
  const memory = context.run(context.child(node, 'encoder'), src);
  return context.emit(context, context.child(node, 'decoder'), [tgt, memory]);
};

export const attentionEmitters: readonly (readonly [string, Emitter])[] = [
  ['MultiheadAttention', attention],
  ['TransformerEncoderLayer', encoderLayer],
  ['TransformerDecoderLayer', decoderLayer],
  ['TransformerEncoder', stack],
  ['TransformerDecoder', stack],
  ['Transformer', transformer],
];
