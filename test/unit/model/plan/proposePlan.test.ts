import assert from 'node:assert/strict';
import { QuantscopeError } from '../../../../src/core/errors';
import { buildModuleTree } from '../../../../src/model/moduleTree';
import { planPython } from '../../../../src/model/plan/planPython';
import { proposePlan } from '../../../../src/model/plan/proposePlan';
import { readPlan } from '../../../../src/model/plan/readPlan';
import { entries, type Shapes } from '../../../support/tensorEntries';

const propose = (shapes: Shapes) => proposePlan(buildModuleTree(entries(shapes), 'm'));
const linear = (name: string, from: number, to: number): Shapes => ({
  [`${name}.weight`]: [to, from],
  [`${name}.bias`]: [to],
});
const conv = (name: string, from: number, to: number, ...kernel: number[]): Shapes => ({
  [`${name}.weight`]: [to, from, ...kernel],
  [`${name}.bias`]: [to],
});
const norm = (name: string, width: number): Shapes => ({ [`${name}.weight`]: [width], [`${name}.bias`]: [width] });
const batchNorm = (name: string, width: number): Shapes => ({
  ...norm(name, width),
  [`${name}.running_mean`]: [width],
  [`${name}.running_var`]: [width],
  [`${name}.num_batches_tracked`]: [],
});
const lstm = (name: string, input: number, hidden: number): Shapes => ({
  [`${name}.weight_ih_l0`]: [4 * hidden, input],
  [`${name}.weight_hh_l0`]: [4 * hidden, hidden],
  [`${name}.bias_ih_l0`]: [4 * hidden],
  [`${name}.bias_hh_l0`]: [4 * hidden],
});
const encoderLayer = (name: string, width: number, inner: number): Shapes => ({
  [`${name}.self_attn.in_proj_weight`]: [3 * width, width],
  [`${name}.self_attn.in_proj_bias`]: [3 * width],
  ...linear(`${name}.self_attn.out_proj`, width, width),
  ...linear(`${name}.linear1`, width, inner),
  ...linear(`${name}.linear2`, inner, width),
  ...norm(`${name}.norm1`, width),
  ...norm(`${name}.norm2`, width),
});

/** What a state dict says, and what the plan does in order: paths of modules, names of functions. */
const cases: readonly (readonly [string, Shapes, string, readonly string[]])[] = [
  [
    'an embedding, an LSTM, a Linear',
    { 'encoder.weight': [50, 16], ...lstm('rnn', 16, 8), ...linear('decoder', 8, 50) },
    'int64 20,1 below 50',
    ['encoder', 'rnn[0]', 'decoder'],
  ],
  [
    'a numbered MLP, with an activation where a number is missing',
    { ...linear('0', 4, 8), ...linear('2', 8, 8), ...linear('3', 8, 2) },
    'float32 20,4',
    ['0', 'relu', '2', '3'],
  ],
  [
    'a named MLP, with an activation between two products',
    { ...linear('fc1', 4, 8), ...linear('fc2', 8, 2) },
    'float32 20,4',
    ['fc1', 'relu', 'fc2'],
  ],
  [
    'a small convolutional network',
    { ...conv('conv1', 3, 8, 3, 3), ...batchNorm('bn1', 8), ...conv('conv2', 8, 16, 3, 3), ...linear('fc', 64, 10) },
    'float32 1,3,32,32',
    ['conv1', 'bn1', 'relu', 'conv2', 'relu', 'adaptive_avg_pool2d', 'flatten', 'fc'],
  ],
  [
    'a convolution over an embedding',
    { 'emb.weight': [30, 8], ...conv('conv', 8, 6, 3), ...linear('fc', 6, 3) },
    'int64 20,1 below 30',
    ['emb', 'permute', 'conv', 'relu', 'adaptive_avg_pool1d', 'flatten', 'fc'],
  ],
  [
    'encoder layers of a transformer',
    {
      'embedding.weight': [40, 32],
      ...encoderLayer('encoder.layers.0', 32, 64),
      ...encoderLayer('encoder.layers.1', 32, 64),
      ...linear('head', 32, 5),
    },
    'int64 20,1 below 40',
    ['embedding', 'encoder.layers.0', 'encoder.layers.1', 'head'],
  ],
  ['a state dict under one key of a checkpoint', { ...linear('net.0', 4, 4) }, 'float32 20,4', ['net.0']],
];

describe('a forward is proposed from shapes and order', () => {
  for (const [title, shapes, input, steps] of cases) {
    it(title, () => {
      const { plan, unused } = propose(shapes);
      const [{ dtype, shape, high }] = plan.inputs;
      assert.equal(`${dtype} ${shape}${high === undefined ? '' : ` below ${high}`}`, input);
      const done = plan.steps.map(
        ({ module, function: called, take = [] }) => `${module ?? called}${take.map((i) => `[${i}]`).join('')}`,
      );
      assert.deepEqual(done, steps);
      assert.deepEqual(unused, []);
      assert.deepEqual(readPlan(JSON.parse(JSON.stringify(plan))), plan, 'a proposal is a plan that can be saved');
    });
  }

  it('what stands in no shape is assumed and says so', () => {
    const { plan } = propose({ ...conv('a', 3, 4, 3, 3), ...conv('b', 4, 4, 3, 3) });
    assert.deepEqual(
      plan.steps.map(({ assumed }) => assumed),
      [
        'stride 1, and padding that keeps the size',
        'ReLU; without one, two products in a row would be one',
        'stride 1, and padding that keeps the size',
      ],
    );
  });

  it('modules whose sizes fit nowhere are left out, with the reason', () => {
    const { plan, unused } = propose({ ...linear('fc1', 4, 8), ...linear('other', 5, 2), ...linear('fc2', 8, 2) });
    assert.deepEqual(
      plan.steps.map(({ module, function: called }) => module ?? called),
      ['fc1', 'relu', 'fc2'],
    );
    assert.deepEqual(unused, [{ path: 'other', why: 'it takes 5 values, and fc1 gives 8' }]);
  });

  it('groups of a convolution are what is left of the channels', () => {
    const { plan } = propose({ ...conv('a', 3, 8, 1, 1), ...conv('depthwise', 1, 8, 3, 3) });
    assert.deepEqual(plan.steps.at(-1)?.arguments, {
      in_channels: 8,
      out_channels: 8,
      kernel_size: [3, 3],
      padding: [1, 1],
      groups: 8,
    });
  });

  it('is refused where nothing says where to start', () => {
    assert.throws(
      () => propose({ scale: [4] }),
      (error) => error instanceof QuantscopeError && error.code === 'E_NO_PLAN',
    );
  });

  it('as Python it is what a person would write', () => {
    const { plan } = propose({ ...linear('net.0', 4, 8), ...linear('net.2', 8, 2), ...linear('head', 2, 2) });
    assert.equal(
      planPython(plan),
      `import torch
import torch.nn as nn
import torch.nn.functional as F


class Plan(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Module()
        setattr(self.net, "0", nn.Linear(in_features=4, out_features=8))
        setattr(self.net, "2", nn.Linear(in_features=8, out_features=2))
        self.head = nn.Linear(in_features=2, out_features=2)

    def forward(self, input):
        x1 = getattr(self.net, "0")(input)
        relu_out = torch.relu(x1)  # assumed: ReLU; 1 has no parameters, so it is an activation
        x3 = getattr(self.net, "2")(relu_out)
        relu_out4 = torch.relu(x3)  # assumed: ReLU; without one, two products in a row would be one
        head_out = self.head(relu_out4)
        return head_out
`,
    );
  });
});
