import { layerArguments } from '../../engine/forward/source/layer';
import '../../engine/forward/source/namespaces';
import type { PlanValueDto } from '../../protocol/planDto';
import { attributesOf, engineClass } from '../loadModule';
import type { ModuleKind } from '../moduleKind';
import { type ModuleNode, ownName } from '../moduleTree';

/** A module of the checkpoint as a plan builds it. */
export interface PlanModule {
  readonly path: string;
  readonly type: string;
  readonly arguments: Readonly<Record<string, PlanValueDto>>;
  /** True where the file itself says the arguments, and not only the shapes. */
  readonly written: boolean;
  /** What the arguments take for granted. */
  readonly assumed?: string;
  /** Modules below that are part of it. */
  readonly whole: boolean;
}

/** A module as its class of torch.nn with arguments; undefined where neither file nor shapes tell. */
export function planModule(node: ModuleNode, relative: string): PlanModule | undefined {
  const layer = encoderLayer(node, relative);
  if (layer !== undefined) return layer;
  const type = engineClass(node);
  if (type === undefined || node.children.some(({ tensorCount }) => tensorCount > 0 && type !== 'MultiheadAttention'))
    return undefined;
  const known = layerArguments(type);
  if (known === undefined) return undefined;
  const { kind, record } = node;
  if (record === undefined) {
    if (kind === undefined) return undefined;
    const fromShapes = shapeArguments(kind, node);
    return fromShapes && { path: relative, type, written: false, whole: node.children.length > 0, ...fromShapes };
  }
  const args: Record<string, PlanValueDto> = {};
  for (const [name, value] of attributesOf(node)) {
    if (known.includes(name) && isPlanValue(value)) args[name] = value;
  }
  // Whether there is a bias is no attribute but a parameter.
  if (known.includes('bias') && typeof args.bias !== 'boolean' && !hasTensor(node, /^(in_proj_)?bias$/))
    args.bias = false;
  return { path: relative, type, arguments: args, written: true, whole: node.children.length > 0 };
}

function isPlanValue(value: unknown): value is PlanValueDto {
  if (Array.isArray(value)) return value.every((one) => Number.isSafeInteger(one));
  return (
    value === null ||
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    (typeof value === 'string' && /^[\w.-]{1,64}$/.test(value))
  );
}

function hasTensor({ tensors, path }: ModuleNode, pattern: RegExp): boolean {
  return tensors.some(({ name }) => pattern.test(ownName(name, path)));
}

function shapeArguments(
  kind: ModuleKind,
  node: ModuleNode,
): { arguments: Record<string, PlanValueDto>; assumed?: string } | undefined {
  const bias = (has: boolean): Record<string, PlanValueDto> => (has ? {} : { bias: false });
  switch (kind.type) {
    case 'Linear':
      return { arguments: { in_features: kind.inFeatures, out_features: kind.outFeatures, ...bias(kind.bias) } };
    case 'Embedding':
    case 'EmbeddingBag':
      return { arguments: { num_embeddings: kind.numEmbeddings, embedding_dim: kind.embeddingDim } };
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return {
        arguments: {
          input_size: kind.inputSize,
          hidden_size: kind.hiddenSize,
          ...(kind.numLayers > 1 && { num_layers: kind.numLayers }),
          ...bias(kind.bias),
          ...(kind.bidirectional && { bidirectional: true }),
          ...(kind.projSize > 0 && { proj_size: kind.projSize }),
        },
      };
    case 'LSTMCell':
    case 'GRUCell':
    case 'RNNCell':
      return { arguments: { input_size: kind.inputSize, hidden_size: kind.hiddenSize, ...bias(kind.bias) } };
    case 'LayerNorm':
      return { arguments: { normalized_shape: kind.normalizedShape }, assumed: 'eps is 1e-5' };
    case 'BatchNorm1d':
    case 'BatchNorm2d':
    case 'BatchNorm3d':
      return { arguments: { num_features: kind.numFeatures }, assumed: 'eps is 1e-5' };
    case 'Conv1d':
    case 'Conv2d':
    case 'Conv3d': {
      const { inChannels, outChannels, kernelSize } = kind;
      const padding = kernelSize.map((size) => Math.floor((size - 1) / 2));
      return {
        arguments: {
          in_channels: inChannels,
          out_channels: outChannels,
          kernel_size: kernelSize,
          padding,
          ...bias(kind.bias),
        },
        assumed: 'stride 1, and padding that keeps the size',
      };
    }
    case 'MultiheadAttention': {
      const heads = headsOf(kind.embedDim);
      return {
        arguments: { embed_dim: kind.embedDim, num_heads: heads, ...bias(hasTensor(node, /^in_proj_bias$/)) },
        assumed: `${heads} heads: no shape tells how many`,
      };
    }
    default:
      return undefined;
  }
}

/** Heads of 64 where the width allows it, else of whatever power of two divides it. */
function headsOf(width: number): number {
  for (const size of [64, 32, 16, 8, 4, 2]) if (width % size === 0 && width > size) return width / size;
  return 1;
}

/** TransformerEncoderLayer by the names of its parts, with sizes from their shapes. */
function encoderLayer(node: ModuleNode, path: string): PlanModule | undefined {
  const child = (name: string) => node.children.find((one) => one.name === name);
  const names = ['self_attn', 'linear1', 'linear2', 'norm1', 'norm2'];
  if (node.children.filter(({ tensorCount }) => tensorCount > 0).length !== names.length) return undefined;
  const [attention, linear] = names.map((name) => child(name)?.kind);
  if (!names.every((name) => child(name) !== undefined)) return undefined;
  const attributes = attributesOf({ record: child('self_attn')?.record });
  const width = attention?.type === 'MultiheadAttention' ? attention.embedDim : undefined;
  if (width === undefined || linear?.type !== 'Linear' || linear.inFeatures !== width) return undefined;
  const written = attributes.get('num_heads');
  const heads = typeof written === 'number' ? written : headsOf(width);
  const own = attributesOf(node);
  return {
    path,
    type: 'TransformerEncoderLayer',
    arguments: {
      d_model: width,
      nhead: heads,
      dim_feedforward: linear.outFeatures,
      ...(attributes.get('batch_first') === true ? { batch_first: true } : {}),
      ...(own.get('norm_first') === true ? { norm_first: true } : {}),
    },
    written: false,
    whole: true,
    assumed: `${typeof written === 'number' ? '' : `${heads} heads: no shape tells how many; `}ReLU inside, norms after the blocks`,
  };
}
