import type { FloatTensor } from '../tensor/tensor';
import type { Generator } from './generator';

/** PyTorch's default initialisation: parameters in the order in which a module's constructor fills them. */

export interface RecurrentShape {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly bidirectional: boolean;
  readonly projSize: number;
}

/** Gates of each recurrent module: rows of its weights in units of the hidden size. */
export const gateCount = { LSTM: 4, GRU: 3, RNN: 1 } as const;
export type RecurrentMode = keyof typeof gateCount;

/** torch.nn.Linear.reset_parameters: kaiming_uniform_(a = √5), then the bias with ±1/√in. */
export function initLinear(
  generator: Generator,
  inFeatures: number,
  outFeatures: number,
  bias: boolean,
): Map<string, FloatTensor> {
  const gain = Math.sqrt(2 / (1 + Math.sqrt(5) ** 2));
  const bound = Math.sqrt(3) * (gain / Math.sqrt(inFeatures));
  const parameters = new Map([['weight', generator.uniform([outFeatures, inFeatures], -bound, bound)]]);
  if (bias) {
    const biasBound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0;
    parameters.set('bias', generator.uniform([outFeatures], -biasBound, biasBound));
  }
  return parameters;
}

/** torch.nn.RNNBase.reset_parameters: everything uniform in ±1/√hidden_size, layer by layer, forward before reverse. */
export function initRecurrent(
  generator: Generator,
  mode: RecurrentMode,
  shape: RecurrentShape,
): Map<string, FloatTensor> {
  const bound = 1 / Math.sqrt(shape.hiddenSize);
  const parameters = new Map<string, FloatTensor>();
  for (const [name, size] of recurrentParameters(mode, shape))
    parameters.set(name, generator.uniform(size, -bound, bound));
  return parameters;
}

/** torch.nn.RNNCellBase.reset_parameters: everything uniform in ±1/√hidden_size. */
export function initCell(
  generator: Generator,
  mode: RecurrentMode,
  inputSize: number,
  hiddenSize: number,
): Map<string, FloatTensor> {
  const bound = 1 / Math.sqrt(hiddenSize);
  const rows = gateCount[mode] * hiddenSize;
  const shapes = { weight_ih: [rows, inputSize], weight_hh: [rows, hiddenSize], bias_ih: [rows], bias_hh: [rows] };
  return new Map(Object.entries(shapes).map(([name, shape]) => [name, generator.uniform(shape, -bound, bound)]));
}

/** Names and shapes of a recurrent module's parameters, in the order of its state dict. */
export function recurrentParameters(mode: RecurrentMode, shape: RecurrentShape): [string, number[]][] {
  const { inputSize, hiddenSize, numLayers, bias, bidirectional, projSize } = shape;
  const rows = gateCount[mode] * hiddenSize;
  const width = projSize || hiddenSize;
  const directions = bidirectional ? ['', '_reverse'] : [''];
  const list: [string, number[]][] = [];
  for (let layer = 0; layer < numLayers; layer++) {
    for (const direction of directions) {
      const suffix = `_l${layer}${direction}`;
      list.push([`weight_ih${suffix}`, [rows, layer === 0 ? inputSize : width * directions.length]]);
      list.push([`weight_hh${suffix}`, [rows, width]]);
      if (bias) list.push([`bias_ih${suffix}`, [rows]], [`bias_hh${suffix}`, [rows]]);
      if (projSize > 0) list.push([`weight_hr${suffix}`, [projSize, hiddenSize]]);
    }
  }
  return list;
}

/** torch.nn.Embedding.reset_parameters: N(0, 1), then the padding row is zeroed. */
export function initEmbedding(
  generator: Generator,
  numEmbeddings: number,
  embeddingDim: number,
  paddingIdx?: number,
): Map<string, FloatTensor> {
  const weight = generator.randn([numEmbeddings, embeddingDim]);
  if (paddingIdx !== undefined) weight.data.fill(0, paddingIdx * embeddingDim, (paddingIdx + 1) * embeddingDim);
  return new Map([['weight', weight]]);
}
