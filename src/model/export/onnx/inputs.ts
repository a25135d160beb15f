import { attributesOf, engineClass } from '../../loadModule';
import { walk } from '../../moduleTree';
import { float, type Node, notExported, type Shape, type Value } from './emitContext';

/**
 * What a graph takes: the inputs of the first module that asks for a shape. Activations and Dropout
 * take any. Sizes that no weight fixes are open and have names.
 */
export function graphInputs(node: Node): Value[] {
  const leading = leadingSizes(node);
  for (const below of walk(node)) {
    const inputs = ownInputs(below, leading);
    if (inputs !== undefined) return inputs;
  }
  throw notExported(node, 'it has no module with weights that ONNX could start with');
}

/** Before the features: a batch, or a batch of sequences where a module further on works on them. */
function leadingSizes(node: Node): readonly string[] {
  for (const below of walk(node)) {
    if (!/^(LSTM|GRU|RNN|Transformer.*|MultiheadAttention)$/.test(engineClass(below) ?? '')) continue;
    const own = [...walk(below)].some((each) => attributesOf(each).get('batch_first') === true);
    return own ? ['batch', 'steps'] : ['steps', 'batch'];
  }
  return ['batch'];
}

const spatial = ['depth', 'height', 'width'] as const;

function ownInputs(node: Node, leading: readonly string[]): Value[] | undefined {
  const type = engineClass(node) ?? '';
  const weight = shapeOf(node, 'weight');
  const one = (...shape: Shape) => [float('input', shape)];
  const dimensions = Number(/(\d)d$/.exec(type)?.[1] ?? 0);
  const sizes = dimensions === 1 ? ['length'] : spatial.slice(3 - dimensions);
  switch (type.replace(/\dd$/, '')) {
    case 'Linear':
      return weight && one(...leading, weight[1]);
    case 'Conv1D':
      return weight && one(...leading, weight[0]);
    case 'Embedding':
    case 'EmbeddingBag':
      return weight && [{ name: 'input', dtype: 'int64', shape: ['batch', 'steps'] }];
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return recurrentInputs(node);
    case 'LSTMCell':
    case 'GRUCell':
    case 'RNNCell':
      return cellInputs(node, type);
    case 'LayerNorm':
    case 'RMSNorm':
      return weight && one(...leading, ...weight);
    case 'BatchNorm': {
      const [channels] = weight ?? shapeOf(node, 'running_mean') ?? [];
      // One dimension may stand for none: the most common use has two.
      return channels === undefined ? undefined : one('batch', channels, ...(dimensions === 1 ? [] : sizes));
    }
    case 'InstanceNorm':
      return weight && one('batch', weight[0], ...sizes);
    case 'GroupNorm':
      return weight && one('batch', weight[0], 'height', 'width');
    case 'Conv':
      return weight && one('batch', weight[1] * groupsOf(node), ...sizes);
    case 'ConvTranspose':
      return weight && one('batch', weight[0], ...sizes);
    case 'MultiheadAttention':
      return attentionInputs(node, ['query', 'key', 'value']);
    case 'TransformerEncoderLayer':
    case 'TransformerEncoder':
      return attentionInputs(node, ['src']);
    case 'TransformerDecoderLayer':
    case 'TransformerDecoder':
      return attentionInputs(node, ['tgt', 'memory']);
    case 'Transformer':
      return attentionInputs(node, ['src', 'tgt']);
    default:
      return undefined;
  }
}

function shapeOf(node: Node, name: string): readonly number[] | undefined {
  const full = node.path === '' ? name : `${node.path}.${name}`;
  return node.tensors.find((tensor) => tensor.name === full)?.shape;
}

function groupsOf(node: Node): number {
  const groups = attributesOf(node).get('groups');
  return typeof groups === 'number' ? groups : 1;
}

/** [steps, batch, width] or [batch, steps, width]. */
export function sequence(steps: string, batchFirst: boolean, width: number | string): Shape {
  return batchFirst ? ['batch', steps, width] : [steps, 'batch', width];
}

function recurrentInputs(node: Node): Value[] | undefined {
  const { kind } = node;
  if (kind?.type !== 'LSTM' && kind?.type !== 'GRU' && kind?.type !== 'RNN') return undefined;
  const state = [kind.numLayers * (kind.bidirectional ? 2 : 1), 'batch', kind.projSize || kind.hiddenSize];
  const batchFirst = attributesOf(node).get('batch_first') === true;
  const input = float('input', sequence('steps', batchFirst, kind.inputSize));
  return [input, float('h0', state), ...(kind.type === 'LSTM' ? [float('c0', state)] : [])];
}

function cellInputs(node: Node, type: string): Value[] | undefined {
  const [ih, hh] = [shapeOf(node, 'weight_ih'), shapeOf(node, 'weight_hh')];
  if (ih === undefined || hh === undefined) return undefined;
  const state = (name: string) => float(name, ['batch', hh[1]]);
  return [float('input', ['batch', ih[1]]), state('h0'), ...(type === 'LSTMCell' ? [state('c0')] : [])];
}

/** Every argument is a sequence of the embedding's width; keys and values may have widths of their own. */
function attentionInputs(node: Node, names: readonly string[]): Value[] | undefined {
  for (const below of walk(node)) {
    const width = (own: string) => shapeOf(below, own)?.[1];
    const embedding = width('in_proj_weight') ?? width('q_proj_weight');
    if (embedding === undefined) continue;
    const batchFirst = attributesOf(below).get('batch_first') === true;
    const widths = { key: width('k_proj_weight'), value: width('v_proj_weight') };
    return names.map((name, i) => {
      const steps = i === 0 ? 'steps' : 'source_steps';
      const own = name === 'key' ? widths.key : name === 'value' ? widths.value : undefined;
      return float(name, sequence(steps, batchFirst, own ?? embedding));
    });
  }
  return undefined;
}
