/**
 * Which torch.nn module a prefix is, read off the names and shapes of its own parameters. A
 * state dict does not name classes, but the shapes of a recurrent module or a Linear leave
 * little doubt; what they leave open (dropout, batch_first, stride) is not guessed.
 */

export type RecurrentType = 'LSTM' | 'GRU' | 'RNN';

export interface RecurrentOptions {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly bidirectional: boolean;
  /** 0 when there is no projection. */
  readonly projSize: number;
}

export type ModuleKind =
  | { readonly type: 'Linear'; readonly inFeatures: number; readonly outFeatures: number; readonly bias: boolean }
  /** torch.ao.nn.intrinsic's pair of a Linear, its child `0`, and the ReLU after it. */
  | { readonly type: 'LinearReLU'; readonly inFeatures: number; readonly outFeatures: number; readonly bias: boolean }
  /** transformers' Linear with a weight [in, out]: GPT-2. */
  | { readonly type: 'Conv1D'; readonly inFeatures: number; readonly outFeatures: number; readonly bias: boolean }
  | { readonly type: 'Embedding' | 'EmbeddingBag'; readonly numEmbeddings: number; readonly embeddingDim: number }
  | ({ readonly type: RecurrentType } & RecurrentOptions)
  | {
      readonly type: 'LSTMCell' | 'GRUCell' | 'RNNCell';
      readonly inputSize: number;
      readonly hiddenSize: number;
      readonly bias: boolean;
    }
  | { readonly type: 'LayerNorm'; readonly normalizedShape: readonly number[] }
  | { readonly type: 'BatchNorm1d' | 'BatchNorm2d' | 'BatchNorm3d'; readonly numFeatures: number }
  | {
      readonly type: 'Conv1d' | 'Conv2d' | 'Conv3d';
      readonly inChannels: number;
      readonly outChannels: number;
      readonly kernelSize: readonly number[];
      readonly bias: boolean;
    }
  | { readonly type: 'MultiheadAttention'; readonly embedDim: number };

/** The shapes of a module's own parameters by their last name. */
export type ParameterShapes = ReadonlyMap<string, readonly number[]>;

const gates: Record<number, RecurrentType> = { 4: 'LSTM', 3: 'GRU', 1: 'RNN' };

/**
 * The kind of a module, or undefined where the shapes do not fit any.
 * `name` is the module's own name and `first` says that it comes first in the state dict: both
 * only decide between Embedding and a Linear without bias, which look alike.
 */
export function moduleKind(shapes: ParameterShapes, name: string, first: boolean): ModuleKind | undefined {
  return recurrentKind(shapes) ?? cellKind(shapes) ?? attentionKind(shapes) ?? weightKind(shapes, name, first);
}

function recurrentKind(shapes: ParameterShapes): ModuleKind | undefined {
  const ih = shapes.get('weight_ih_l0');
  const hh = shapes.get('weight_hh_l0');
  if (ih?.length !== 2 || hh?.length !== 2 || ih[0] !== hh[0]) return undefined;
  const hr = shapes.get('weight_hr_l0');
  const projSize = hr?.length === 2 ? hr[0] : 0;
  const hiddenSize = hr?.length === 2 ? hr[1] : hh[1];
  const type = gates[ih[0] / hiddenSize];
  if (type === undefined || (projSize > 0 && (type !== 'LSTM' || hh[1] !== projSize))) return undefined;
  let numLayers = 1;
  while (shapes.has(`weight_ih_l${numLayers}`)) numLayers++;
  const options: RecurrentOptions = {
    inputSize: ih[1],
    hiddenSize,
    numLayers,
    bias: shapes.has('bias_ih_l0'),
    bidirectional: shapes.has('weight_ih_l0_reverse'),
    projSize,
  };
  return fitsRecurrent(shapes, ih[0], options) ? { type, ...options } : undefined;
}

/** Every layer and direction must be there with the shapes that the options ask for. */
function fitsRecurrent(shapes: ParameterShapes, rows: number, options: RecurrentOptions): boolean {
  const { inputSize, hiddenSize, numLayers, bias, bidirectional, projSize } = options;
  const width = projSize || hiddenSize;
  const directions = bidirectional ? ['', '_reverse'] : [''];
  const has = (name: string, ...shape: number[]) => shapes.get(name)?.join() === shape.join();
  for (let layer = 0; layer < numLayers; layer++) {
    const columns = layer === 0 ? inputSize : width * directions.length;
    for (const direction of directions) {
      const suffix = `_l${layer}${direction}`;
      if (!has(`weight_ih${suffix}`, rows, columns) || !has(`weight_hh${suffix}`, rows, width)) return false;
      if (bias && (!has(`bias_ih${suffix}`, rows) || !has(`bias_hh${suffix}`, rows))) return false;
      if (projSize > 0 && !has(`weight_hr${suffix}`, projSize, hiddenSize)) return false;
    }
  }
  return true;
}

function cellKind(shapes: ParameterShapes): ModuleKind | undefined {
  const ih = shapes.get('weight_ih');
  const hh = shapes.get('weight_hh');
  if (ih?.length !== 2 || hh?.length !== 2 || ih[0] !== hh[0]) return undefined;
  const type = gates[ih[0] / hh[1]];
  if (type === undefined) return undefined;
  return { type: `${type}Cell`, inputSize: ih[1], hiddenSize: hh[1], bias: shapes.has('bias_ih') };
}

function attentionKind(shapes: ParameterShapes): ModuleKind | undefined {
  const weight = shapes.get('in_proj_weight');
  if (weight?.length !== 2 || weight[0] !== 3 * weight[1]) return undefined;
  return { type: 'MultiheadAttention', embedDim: weight[1] };
}

const embeddingNames = /emb|^wte$|^wpe$|token|vocab|lookup|^shared$/i;
/** The transposed Linears of transformers' GPT-2. A square one looks like a Linear; the module above it may tell. */
const conv1dNames = /^c_(attn|proj|fc)$/;
const linearNames = /head|proj|fc|out|dense|linear|decoder|classifier|^lin/i;

function weightKind(shapes: ParameterShapes, name: string, first: boolean): ModuleKind | undefined {
  const weight = shapes.get('weight');
  if (weight === undefined) return undefined;
  const biasShape = shapes.get('bias');
  const bias = biasShape !== undefined;
  if (
    conv1dNames.test(name) &&
    weight.length === 2 &&
    biasShape?.join() === String(weight[1]) &&
    weight[0] !== weight[1]
  ) {
    return { type: 'Conv1D', inFeatures: weight[0], outFeatures: weight[1], bias: true };
  }
  if (bias && (biasShape.length !== 1 || biasShape[0] !== weight[0]) && weight.length !== 1) return undefined;
  switch (weight.length) {
    case 1:
      if (shapes.has('running_mean')) return { type: 'BatchNorm2d', numFeatures: weight[0] };
      return bias ? { type: 'LayerNorm', normalizedShape: weight } : undefined;
    case 2:
      if (!bias && !linearNames.test(name) && (first || embeddingNames.test(name))) {
        return { type: 'Embedding', numEmbeddings: weight[0], embeddingDim: weight[1] };
      }
      return { type: 'Linear', inFeatures: weight[1], outFeatures: weight[0], bias };
    case 3:
    case 4:
    case 5: {
      const [outChannels, inChannels, ...kernelSize] = weight;
      return {
        type: (['Conv1d', 'Conv2d', 'Conv3d'] as const)[weight.length - 3],
        inChannels,
        outChannels,
        kernelSize,
        bias,
      };
    }
    default:
      return undefined;
  }
}
