import type { RunnableDto } from '../protocol/modelDto';
import { attributesOf, engineClass } from './loadModule';
import { cannotRun } from './loadTree';
import { type ModuleKind, moduleKind } from './moduleKind';
import { type ModuleNode, ownName, walk } from './moduleTree';
import { staysFloat } from './quantizePlan';
import { isStoredTwin } from './storedTwin';

type Inputs = RunnableDto['inputs'];

/** The recipe's input: a sequence of 20 steps in a batch of 1. */
const steps = 20;
const batch = 1;
/** Height and width of an image to start from. */
const imageSize = 32;

/**
 * The inputs that a module takes, with shapes to start from; undefined when the engine cannot run
 * it. A container takes what its first module takes.
 */
export function defaultInputs(node: ModuleNode): Inputs | undefined {
  if (cannotRun(node) !== undefined) return undefined;
  // Activations and Dropout take any shape: the first module that asks for one decides.
  for (const below of walk(node)) {
    const inputs = ownInputs(below);
    if (inputs !== undefined) return inputs;
  }
  return undefined;
}

function ownInputs(node: ModuleNode): Inputs | undefined {
  const shape = (name: string) => node.tensors.find((tensor) => tensor.name === parameterName(node, name))?.shape;
  const type = engineClass(node) ?? '';
  const weight = shape('weight');
  switch (type) {
    case 'Linear':
    case 'LinearReLU':
    case 'Conv1D':
      return weight && [{ name: 'input', shape: [steps, weight[type === 'Conv1D' ? 0 : 1]] }];
    case 'Embedding':
    case 'EmbeddingBag': {
      const indexShape = type === 'Embedding' ? [steps, batch] : [batch, steps];
      return weight && [{ name: 'input', shape: indexShape, dtype: 'int64', high: weight[0] }];
    }
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return recurrentInputs(node, type);
    case 'LSTMCell':
    case 'GRUCell':
    case 'RNNCell': {
      const [ih, hh] = [shape('weight_ih'), shape('weight_hh')];
      const state = (name: string) => ({ name, shape: [batch, hh?.[1] ?? 0] });
      return (
        ih && [{ name: 'input', shape: [batch, ih[1]] }, state('h0'), ...(type === 'LSTMCell' ? [state('c0')] : [])]
      );
    }
    case 'LayerNorm':
    case 'RMSNorm':
      return weight && [{ name: 'input', shape: [steps, batch, ...weight] }];
    case 'BatchNorm1d':
      return weight && [{ name: 'input', shape: [steps, weight[0]] }];
    case 'BatchNorm2d':
    case 'GroupNorm':
    case 'InstanceNorm2d':
      return weight && [{ name: 'input', shape: [batch, weight[0], imageSize, imageSize] }];
    case 'Conv1d':
    case 'Conv2d':
      return weight && [convolutionInput(node, weight)];
    case 'MultiheadAttention':
    case 'TransformerEncoderLayer':
    case 'TransformerDecoderLayer':
    case 'TransformerEncoder':
    case 'TransformerDecoder':
    case 'Transformer':
      return transformerInputs(node, type);
    default:
      return undefined;
  }
}

function parameterName(node: ModuleNode, name: string): string {
  return node.path === '' ? name : `${node.path}.${name}`;
}

function recurrentInputs(node: ModuleNode, type: string): Inputs | undefined {
  const kind = recurrentKindOf(node);
  if (kind?.type !== 'LSTM' && kind?.type !== 'GRU' && kind?.type !== 'RNN') return undefined;
  const states = kind.numLayers * (kind.bidirectional ? 2 : 1);
  const batchFirst = attributesOf(node).get('batch_first') === true;
  const input = { name: 'input', shape: [...(batchFirst ? [batch, steps] : [steps, batch]), kind.inputSize] };
  const h0 = { name: 'h0', shape: [states, batch, kind.projSize || kind.hiddenSize] };
  return type === 'LSTM' ? [input, h0, { name: 'c0', shape: [states, batch, kind.hiddenSize] }] : [input, h0];
}

/** What quantize_dynamic left has no kind of its own, and the shapes of its float module. */
function recurrentKindOf({ kind, path, tensors }: ModuleNode): ModuleKind | undefined {
  return kind ?? moduleKind(new Map(tensors.map(({ name, shape }) => [ownName(name, path), shape])), '', false);
}

function convolutionInput(node: ModuleNode, [, perGroup, ...kernel]: readonly number[]): Inputs[number] {
  const groups = attributesOf(node).get('groups');
  const channels = perGroup * (typeof groups === 'number' ? groups : 1);
  return { name: 'input', shape: [batch, channels, ...kernel.map((size) => Math.max(size, imageSize))] };
}

const argumentNames: Readonly<Record<string, readonly string[]>> = {
  MultiheadAttention: ['query', 'key', 'value'],
  TransformerEncoderLayer: ['src'],
  TransformerEncoder: ['src'],
  TransformerDecoderLayer: ['tgt', 'memory'],
  TransformerDecoder: ['tgt', 'memory'],
  Transformer: ['src', 'tgt'],
};

/** Every argument is a sequence of the embedding's width; keys and values may have widths of their own. */
function transformerInputs(node: ModuleNode, type: string): Inputs | undefined {
  for (const { tensors } of walk(node)) {
    const columns = (suffix: string) => tensors.find(({ name }) => name.endsWith(suffix))?.shape[1];
    const width = columns('in_proj_weight') ?? columns('q_proj_weight');
    if (width === undefined) continue;
    const widths = [width, columns('k_proj_weight') ?? width, columns('v_proj_weight') ?? width];
    return argumentNames[type].map((name, i) => ({
      name,
      shape: [steps, batch, type === 'MultiheadAttention' ? widths[i] : width],
    }));
  }
  return undefined;
}

/** Whether there is anything in it to compare with int8. */
function quantizes(node: ModuleNode): boolean {
  if ([...walk(node)].some(isStoredTwin)) return true;
  for (const { kind } of walk(node)) if (kind !== undefined && staysFloat(kind, [kind.type]) === undefined) return true;
  return false;
}

/** The modules that can be run by themselves: the root where it can, then the others in the order of the file. */
export function runnableModules(root: ModuleNode, limit: number): RunnableDto[] {
  const runnable: RunnableDto[] = [];
  for (const node of walk(root)) {
    const { path, type, repr, optimizer } = node;
    const inputs = optimizer || !quantizes(node) ? undefined : defaultInputs(node);
    if (inputs !== undefined) runnable.push({ path, type, repr, inputs });
    if (runnable.length === limit) break;
  }
  return runnable;
}
