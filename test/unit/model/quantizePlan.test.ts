import assert from 'node:assert/strict';
import { buildModuleTree, type ModuleNode } from '../../../src/model/moduleTree';
import {
  isQuantizedWeight,
  overridesToQuantize,
  planQuantization,
  refusedByPyTorch,
} from '../../../src/model/quantizePlan';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';
import { spec } from '../../support/models';
import { entries, type Shapes } from '../../support/tensorEntries';

function linear(path: string): Shapes {
  return { [`${path}.weight`]: [2, 3], [`${path}.bias`]: [2] };
}

function lstm(path: string, changes: Shapes = {}): Shapes {
  return {
    [`${path}.weight_ih_l0`]: [8, 3],
    [`${path}.weight_hh_l0`]: [8, 2],
    [`${path}.bias_ih_l0`]: [8],
    [`${path}.bias_hh_l0`]: [8],
    ...changes,
  };
}

function tree(shapes: Shapes): ModuleNode {
  return buildModuleTree(entries(shapes), 'file');
}

const model = tree({
  'emb.weight': [10, 3],
  ...lstm('encoder.rnn'),
  ...linear('encoder.fc'),
  ...linear('decoder.fc'),
  'norm.weight': [2],
  'norm.bias': [2],
});

describe('planQuantization', () => {
  const quantizedPaths = (changes: Parameters<typeof spec>[0], root = model) => [
    ...planQuantization(root, spec(changes)).quantized.keys(),
  ];

  it('the default spec takes Linear and LSTM, and says why the rest stays', () => {
    const plan = planQuantization(model, spec());
    assert.deepEqual([...plan.quantized.keys()], ['encoder.rnn', 'encoder.fc', 'decoder.fc']);
    assert.deepEqual(plan.skipped, [
      { path: 'emb', type: 'Embedding', reason: 'not in the spec' },
      { path: 'norm', type: 'LayerNorm', reason: 'not in the spec' },
    ]);
  });

  const choices: readonly [what: string, changes: Parameters<typeof spec>[0], paths: readonly string[]][] = [
    ['only LSTM', { modules: ['LSTM'] }, ['encoder.rnn']],
    ['no type at all', { modules: [] }, []],
    ['an exact path excluded', { exclude: ['encoder.fc'] }, ['encoder.rnn', 'decoder.fc']],
    ['an exact path is no prefix', { exclude: ['encoder'] }, ['encoder.rnn', 'encoder.fc', 'decoder.fc']],
    ['everything below a prefix', { exclude: ['encoder.*'] }, ['decoder.fc']],
    ['a glob in front', { exclude: ['*.fc'] }, ['encoder.rnn']],
    ['a glob in the middle', { exclude: ['e*c'] }, ['encoder.rnn', 'decoder.fc']],
    ['a dot is a dot', { exclude: ['encoder?fc', 'encoderXfc*'] }, ['encoder.rnn', 'encoder.fc', 'decoder.fc']],
    ['everything', { exclude: ['*'] }, []],
    ['several patterns', { exclude: ['decoder.*', 'encoder.rnn'] }, ['encoder.fc']],
  ];
  for (const [what, changes, paths] of choices) {
    it(`${what}: ${paths.join(', ') || 'nothing'}`, () => {
      assert.deepEqual(quantizedPaths(changes), paths);
    });
  }

  it('an excluded module is skipped with that reason', () => {
    const { skipped } = planQuantization(model, spec({ exclude: ['decoder.fc'] }));
    assert.deepEqual(skipped.find(({ path }) => path === 'decoder.fc')?.reason, 'excluded');
  });

  const refused: readonly [what: string, shapes: Shapes, reason: RegExp][] = [
    [
      'an RNN',
      { 'm.weight_ih_l0': [2, 3], 'm.weight_hh_l0': [2, 2], 'm.bias_ih_l0': [2], 'm.bias_hh_l0': [2] },
      /not in the spec/,
    ],
    ['a convolution', { 'm.weight': [8, 3, 2, 2] }, /not in the spec/],
  ];
  for (const [what, shapes, reason] of refused) {
    it(`${what} stays float: ${reason.source}`, () => {
      const plan = planQuantization(tree({ 'first.weight': [1, 1], ...shapes }), spec());
      assert.ok(!plan.quantized.has('m'));
      assert.match(plan.skipped.find(({ path }) => path === 'm')?.reason ?? '', reason);
    });
  }

  const ours: readonly [what: string, shapes: Shapes, modules: readonly string[] | null, reason: RegExp][] = [
    ['an LSTM without bias', { 'm.weight_ih_l0': [8, 3], 'm.weight_hh_l0': [8, 2] }, null, /without bias/],
    ['a cell without bias', { 'm.weight_ih': [8, 3], 'm.weight_hh': [8, 2] }, null, /without bias/],
    [
      'an LSTM with proj_size',
      {
        'm.weight_ih_l0': [8, 3],
        'm.weight_hh_l0': [8, 1],
        'm.bias_ih_l0': [8],
        'm.bias_hh_l0': [8],
        'm.weight_hr_l0': [1, 2],
      },
      null,
      /proj_size/,
    ],
    [
      'an RNN that the spec names',
      { 'm.weight_ih_l0': [2, 3], 'm.weight_hh_l0': [2, 2], 'm.bias_ih_l0': [2], 'm.bias_hh_l0': [2] },
      ['RNN'],
      /no dynamic nn.RNN/,
    ],
  ];
  for (const [what, shapes, modules, reason] of ours) {
    it(`${what} is quantized, and marked as what PyTorch refuses: ${reason.source}`, () => {
      const node = planQuantization(tree({ 'first.weight': [1, 1], ...shapes }), spec({ modules })).quantized.get('m');
      assert.match((node?.kind && refusedByPyTorch(node.kind)) ?? '', reason);
    });
  }

  it('the output projection of MultiheadAttention stays float', () => {
    const root = tree({
      'attn.in_proj_weight': [9, 3],
      'attn.in_proj_bias': [9],
      ...linear('attn.out_proj'),
      ...linear('fc'),
    });
    const plan = planQuantization(root, spec());
    assert.deepEqual([...plan.quantized.keys()], ['fc']);
    assert.match(plan.skipped.find(({ path }) => path === 'attn.out_proj')?.reason ?? '', /NonDynamicallyQuantizable/);
  });

  it('the optimizer is neither quantized nor skipped', () => {
    const plan = planQuantization(tree({ ...linear('model.fc'), ...linear('optimizer.fc') }), spec());
    assert.deepEqual([...plan.quantized.keys()], ['model.fc']);
    assert.deepEqual(plan.skipped, []);
  });

  it('weights shrink to a byte a value, biases and float modules keep theirs', () => {
    const { bytesAfter } = planQuantization(model, spec());
    assert.equal(bytesAfter.get('encoder.rnn'), 8 * 3 + 8 * 2 + 2 * 8 * 4);
    assert.equal(bytesAfter.get('encoder.fc'), 6 + 8);
    assert.equal(bytesAfter.get('encoder'), 40 + 64 + 14);
    assert.equal(bytesAfter.get('emb'), 120);
    assert.equal(bytesAfter.get(''), 118 + 14 + 120 + 16);
  });
});

describe('isQuantizedWeight', () => {
  const table: readonly [name: string, quantized: boolean][] = [
    ['weight', true],
    ['fc.weight', true],
    ['rnn.weight_ih_l0', true],
    ['rnn.weight_hh_l12_reverse', true],
    ['cell.weight_ih', true],
    ['fc.bias', false],
    ['rnn.bias_ih_l0', false],
    ['rnn.weight_hr_l0', true],
    ['my_weight', false],
    ['weight.x', false],
  ];
  for (const [name, quantized] of table) {
    it(`${name}: ${quantized ? 'becomes int8' : 'stays float'}`, () => {
      assert.equal(isQuantizedWeight(name), quantized);
    });
  }
});

describe('overridesToQuantize', () => {
  const planOf = (tried: QuantizeSpecDto) => planQuantization(model, tried);
  const linearLeft = spec({ perChannel: true, overrides: [{ target: 'Linear', qconfig: null }] });

  it('names each module at or below a path that its type leaves in float32, with what the spec gives', () => {
    const added = overridesToQuantize(planOf, linearLeft, 'encoder');
    assert.deepEqual(added, [{ target: 'encoder.fc', qconfig: 'per_channel_dynamic' }]);
    const after = planQuantization(model, { ...linearLeft, overrides: [...(linearLeft.overrides ?? []), ...added] });
    assert.deepEqual([...after.quantized.keys()], ['encoder.rnn', 'encoder.fc']);
  });

  const cases: readonly [
    what: string,
    changes: Parameters<typeof spec>[0],
    path: string,
    targets: readonly string[],
  ][] = [
    [
      'a module above that is left',
      { overrides: [{ target: 'encoder', qconfig: null }] },
      'encoder.fc',
      ['encoder.fc'],
    ],
    ['a pattern that excludes', { exclude: ['*.fc'] }, '', ['encoder.fc', 'decoder.fc']],
    ['a path is no prefix of a name', { exclude: ['*.fc'] }, 'enc', []],
    ['nothing that is left', {}, '', []],
    ['a type outside the spec', { modules: ['LSTM'] }, '', []],
    ['a module that could not take it', { overrides: [{ target: 'Embedding', qconfig: null }] }, 'emb', []],
  ];
  for (const [what, changes, path, targets] of cases) {
    it(what, () => {
      assert.deepEqual(
        overridesToQuantize(planOf, spec(changes), path).map(({ target }) => target),
        targets,
      );
    });
  }
});
