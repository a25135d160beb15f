import { numel } from '../../src/core/shape';
import type { Model } from '../../src/model/openModel';
import { readPlan } from '../../src/model/plan/readPlan';
import type { ForwardPlanDto, PlanInputDto, PlanStepDto } from '../../src/protocol/planDto';
import { gaussian } from './random';
import { modelOf, type Shapes } from './tensorEntries';

/** A state dict of seeded values and a plan over it, by hand. */
export interface PlanCase {
  readonly shapes: Shapes;
  readonly plan: ForwardPlanDto;
}

/** A variance must not be negative. */
const positive = /running_var$/;

export function planModel({ shapes }: PlanCase, fileName: string): Promise<Model> {
  const random = gaussian(17);
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const values = random(numel(shape)).map((value) => (positive.test(name) ? 0.5 + value * value : 0.3 * value));
    return [name, { shape, values }] as const;
  });
  return modelOf(Object.fromEntries(tensors), fileName);
}

const plan = (
  inputs: readonly PlanInputDto[],
  steps: readonly PlanStepDto[],
  ...outputs: readonly string[]
): ForwardPlanDto => readPlan({ format: 'quantscope-forward-plan', version: 1, inputs, steps, outputs });

const input = (name: string, ...shape: readonly number[]): PlanInputDto => ({ name, shape, dtype: 'float32' });
const indices = (name: string, high: number, ...shape: readonly number[]): PlanInputDto => ({
  name,
  shape,
  dtype: 'int64',
  high,
});

type Extra = Pick<PlanStepDto, 'arguments' | 'take'>;
const module = (
  name: string,
  from: string,
  path: string,
  type: string,
  args: Extra['arguments'] = {},
  ...take: number[]
): PlanStepDto => ({
  name,
  from: from.split(' '),
  module: path,
  type,
  arguments: args,
  ...(take.length === 0 ? {} : { take }),
});
const call = (name: string, from: string, called: string, args: Extra['arguments'] = {}): PlanStepDto => ({
  name,
  from: from.split(' '),
  function: called,
  arguments: args,
});

const lstm = (path: string, inputs: number, hidden: number): Shapes => ({
  [`${path}.weight_ih_l0`]: [4 * hidden, inputs],
  [`${path}.weight_hh_l0`]: [4 * hidden, hidden],
  [`${path}.bias_ih_l0`]: [4 * hidden],
  [`${path}.bias_hh_l0`]: [4 * hidden],
});
const linear = (path: string, inputs: number, outputs: number): Shapes => ({
  [`${path}.weight`]: [outputs, inputs],
  [`${path}.bias`]: [outputs],
});
const sizes = { input_size: 6, hidden_size: 5 };

/** Every function of plans and every sort of module that they join. */
export const planCases: Readonly<Record<string, PlanCase>> = {
  images: {
    shapes: {
      'conv1.weight': [8, 3, 3, 3],
      'conv1.bias': [8],
      ...Object.fromEntries(['weight', 'bias', 'running_mean', 'running_var'].map((name) => [`bn.${name}`, [8]])),
      'conv2.weight': [12, 4, 3, 3],
      ...linear('fc', 12, 5),
    },
    plan: plan(
      [input('image', 2, 3, 16, 20)],
      [
        module('a', 'image', 'conv1', 'Conv2d', {
          in_channels: 3,
          out_channels: 8,
          kernel_size: [3, 3],
          padding: [1, 1],
        }),
        module('b', 'a', 'bn', 'BatchNorm2d', { num_features: 8, eps: 1e-3 }),
        call('c', 'b', 'relu'),
        call('d', 'c', 'max_pool2d', { kernel_size: 2 }),
        module('e', 'd', 'conv2', 'Conv2d', {
          in_channels: 8,
          out_channels: 12,
          kernel_size: 3,
          stride: 2,
          groups: 2,
          bias: false,
        }),
        call('f', 'e', 'avg_pool2d', { kernel_size: 2 }),
        call('g', 'f', 'adaptive_avg_pool2d', { output_size: 1 }),
        call('h', 'g', 'flatten'),
        module('i', 'h', 'fc', 'Linear', { in_features: 12, out_features: 5 }),
        call('j', 'i', 'log_softmax'),
      ],
      'j',
    ),
  },
  signals: {
    shapes: { 'conv.weight': [6, 4, 3], ...linear('fc', 6, 3) },
    plan: plan(
      [input('signal', 2, 4, 24)],
      [
        module('a', 'signal', 'conv', 'Conv1d', { in_channels: 4, out_channels: 6, kernel_size: 3, bias: false }),
        call('b', 'a', 'max_pool1d', { kernel_size: 2 }),
        call('c', 'b', 'avg_pool1d', { kernel_size: 2 }),
        call('d', 'c', 'adaptive_avg_pool1d', { output_size: 1 }),
        call('e', 'd', 'squeeze', { dim: 2 }),
        module('f', 'e', 'fc', 'Linear', { in_features: 6, out_features: 3 }),
      ],
      'f',
    ),
  },
  transformer: {
    shapes: {
      'embed.weight': [30, 16],
      'layer.self_attn.in_proj_weight': [48, 16],
      'layer.self_attn.in_proj_bias': [48],
      ...linear('layer.self_attn.out_proj', 16, 16),
      ...linear('layer.linear1', 16, 32),
      ...linear('layer.linear2', 32, 16),
      'layer.norm1.weight': [16],
      'layer.norm1.bias': [16],
      'layer.norm2.weight': [16],
      'layer.norm2.bias': [16],
      'attn.in_proj_weight': [48, 16],
      'attn.in_proj_bias': [48],
      ...linear('attn.out_proj', 16, 16),
      ...linear('head', 16, 4),
    },
    plan: plan(
      [indices('words', 30, 3, 7)],
      [
        module('a', 'words', 'embed', 'Embedding', { num_embeddings: 30, embedding_dim: 16 }),
        call('b', 'a', 'scale', { factor: 4 }),
        module('c', 'b', 'layer', 'TransformerEncoderLayer', {
          d_model: 16,
          nhead: 4,
          dim_feedforward: 32,
          batch_first: true,
          norm_first: true,
        }),
        module('d', 'c c c', 'attn', 'MultiheadAttention', { embed_dim: 16, num_heads: 2, batch_first: true }, 0),
        call('e', 'c d', 'add'),
        call('f', 'e', 'mean', { dim: 1 }),
        module('g', 'f', 'head', 'Linear', { in_features: 16, out_features: 4 }),
        call('h', 'g', 'softmax'),
      ],
      'h',
    ),
  },
  'an encoder’s state for the decoder, and two outputs': {
    shapes: { ...lstm('encoder', 6, 5), ...lstm('decoder', 6, 5), ...linear('out', 5, 2) },
    plan: plan(
      [input('source', 4, 2, 6), input('target', 3, 2, 6)],
      [
        module('state', 'source', 'encoder', 'LSTM', sizes, 1),
        module('seen', 'source', 'encoder', 'LSTM', sizes, 0),
        module('decoded', 'target state', 'decoder', 'LSTM', sizes, 0),
        module('hidden', 'target state', 'decoder', 'LSTM', sizes, 1, 0),
        call('last', 'decoded', 'last_step'),
        call('most', 'seen', 'max', { dim: 0 }),
        call('both', 'last most', 'mul'),
        module('out', 'both', 'out', 'Linear', { in_features: 5, out_features: 2 }),
      ],
      'out',
      'hidden',
    ),
  },
  'cells and bags': {
    shapes: {
      'bag.weight': [20, 6],
      'one.weight_ih': [20, 6],
      'one.weight_hh': [20, 5],
      'one.bias_ih': [20],
      'one.bias_hh': [20],
      'two.weight_ih': [15, 6],
      'two.weight_hh': [15, 5],
      'two.bias_ih': [15],
      'two.bias_hh': [15],
    },
    plan: plan(
      [indices('words', 20, 3, 4)],
      [
        module('a', 'words', 'bag', 'EmbeddingBag', { num_embeddings: 20, embedding_dim: 6, mode: 'sum' }),
        module('b', 'a', 'one', 'LSTMCell', sizes, 0),
        module('c', 'a', 'two', 'GRUCell', sizes),
        module('d', 'c', 'nothing.act', 'Hardtanh', { min_val: -0.2, max_val: 0.2 }),
        call('e', 'b d', 'cat'),
      ],
      'e',
    ),
  },
  'what only changes the form': {
    shapes: { ...linear('fc', 24, 3) },
    plan: plan(
      [input('x', 2, 3, 8)],
      [
        ...['tanh', 'sigmoid', 'gelu', 'silu', 'leaky_relu', 'elu'].map((name, i) =>
          call(`f${i}`, i === 0 ? 'x' : `f${i - 1}`, name),
        ),
        call('turned', 'f5', 'transpose', { dim0: 0, dim1: -1 }),
        call('back', 'turned', 'permute', { dims: [2, 1, 0] }),
        call('sum', 'back x', 'add'),
        call('wide', 'sum x', 'cat', { dim: 1 }),
        call('new', 'wide', 'unsqueeze', { dim: -1 }),
        call('gone', 'new', 'squeeze', { dim: 3 }),
        call('same', 'gone', 'squeeze', { dim: 0 }),
        call('rows', 'same', 'reshape', { shape: [-1, 24] }),
        module('out', 'rows', 'fc', 'Linear', { in_features: 24, out_features: 3 }),
      ],
      'out',
    ),
  },
};

const fc = { in_features: 6, out_features: 4 };

/** Plans that run, or do not, and have no graph, with the reason. */
export const refusedPlans: readonly (readonly [what: string, PlanCase, code: string, message: RegExp])[] = [
  [
    'adaptive pooling to another size than 1',
    {
      shapes: { 'conv.weight': [4, 3, 3, 3] },
      plan: plan(
        [input('x', 1, 3, 8, 8)],
        [
          module('a', 'x', 'conv', 'Conv2d', { in_channels: 3, out_channels: 4, kernel_size: 3, bias: false }),
          call('b', 'a', 'adaptive_avg_pool2d', { output_size: 3 }),
        ],
        'b',
      ),
    },
    'E_EXPORT_ONNX',
    /^b\.adaptive_avg_pool2d cannot be written as ONNX: ONNX has adaptive pooling to a size of 1 only/,
  ],
  [
    'a size of 1 that is open',
    {
      shapes: linear('fc', 6, 4),
      plan: plan(
        [input('x', 1, 6)],
        [module('a', 'x', 'fc', 'Linear', fc), call('b', 'a', 'squeeze', { dim: 0 })],
        'b',
      ),
    },
    'E_EXPORT_ONNX',
    /^b\.squeeze cannot be .* whether dimension 0 has a size of 1/,
  ],
  [
    'a sequence without a batch',
    { shapes: lstm('rnn', 6, 5), plan: plan([input('x', 4, 6)], [module('a', 'x', 'rnn', 'LSTM', sizes, 0)], 'a') },
    'E_EXPORT_ONNX',
    /^rnn cannot be .* its input has 2 dimensions, not 3/,
  ],
  [
    'a part of a tensor',
    { shapes: linear('fc', 6, 4), plan: plan([input('x', 2, 6)], [module('a', 'x', 'fc', 'Linear', fc, 1)], 'a') },
    'E_EXPORT_ONNX',
    /^fc cannot be .* its result has no part \[1\]/,
  ],
  [
    'a plan that does not run, in PyTorch’s words',
    {
      shapes: linear('fc', 6, 4),
      plan: plan(
        [input('x', 2, 6)],
        [module('a', 'x', 'fc', 'Linear', fc), call('b', 'a', 'reshape', { shape: [5, 5] })],
        'b',
      ),
    },
    'E_RUN_SHAPE',
    /^shape '\[5, 5\]' is invalid for input of size 8$/,
  ],
  [
    'sizes that are not the file’s',
    {
      shapes: linear('fc', 6, 4),
      plan: plan([input('x', 2, 5)], [module('a', 'x', 'fc', 'Linear', { in_features: 5, out_features: 4 })], 'a'),
    },
    'E_STATE_DICT',
    /size mismatch for fc\.weight/,
  ],
];
