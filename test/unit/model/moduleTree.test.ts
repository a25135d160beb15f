import assert from 'node:assert/strict';
import { buildModuleTree, type ModuleNode, walk } from '../../../src/model/moduleTree';
import { entries, type Shapes } from '../../support/tensorEntries';

function tree(shapes: Shapes): ModuleNode {
  return buildModuleTree(entries(shapes), 'file');
}

/** The shapes of one module under a name; parameter names are completed with it. */
function prefixed(name: string, shapes: Shapes): Shapes {
  return Object.fromEntries(Object.entries(shapes).map(([key, shape]) => [`${name}.${key}`, shape]));
}

const lstm = { weight_ih_l0: [32, 8], weight_hh_l0: [32, 8], bias_ih_l0: [32], bias_hh_l0: [32] };

describe('module types from names and shapes', () => {
  const { bias_ih_l0: _ih, bias_hh_l0: _hh, ...biasLess } = lstm;
  const table: readonly [repr: string, shapes: Shapes][] = [
    ['LSTM(8, 8)', lstm],
    ['LSTM(8, 8, bias=False)', biasLess],
    ['GRU(5, 6)', { weight_ih_l0: [18, 5], weight_hh_l0: [18, 6], bias_ih_l0: [18], bias_hh_l0: [18] }],
    ['RNN(5, 6)', { weight_ih_l0: [6, 5], weight_hh_l0: [6, 6], bias_ih_l0: [6], bias_hh_l0: [6] }],
    [
      'LSTM(8, 8, num_layers=2)',
      { ...lstm, weight_ih_l1: [32, 8], weight_hh_l1: [32, 8], bias_ih_l1: [32], bias_hh_l1: [32] },
    ],
    [
      'GRU(3, 2, bidirectional=True)',
      {
        weight_ih_l0: [6, 3],
        weight_hh_l0: [6, 2],
        bias_ih_l0: [6],
        bias_hh_l0: [6],
        weight_ih_l0_reverse: [6, 3],
        weight_hh_l0_reverse: [6, 2],
        bias_ih_l0_reverse: [6],
        bias_hh_l0_reverse: [6],
      },
    ],
    [
      'LSTM(5, 6, proj_size=3)',
      { weight_ih_l0: [24, 5], weight_hh_l0: [24, 3], bias_ih_l0: [24], bias_hh_l0: [24], weight_hr_l0: [3, 6] },
    ],
    ['LSTMCell(5, 6)', { weight_ih: [24, 5], weight_hh: [24, 6], bias_ih: [24], bias_hh: [24] }],
    ['GRUCell(5, 6)', { weight_ih: [18, 5], weight_hh: [18, 6], bias_ih: [18], bias_hh: [18] }],
    ['RNNCell(5, 6, bias=False)', { weight_ih: [6, 5], weight_hh: [6, 6] }],
    ['Linear(in_features=3, out_features=2, bias=True)', { weight: [2, 3], bias: [2] }],
    ['LayerNorm((64,), eps=1e-05, elementwise_affine=True, bias=True)', { weight: [64], bias: [64] }],
    [
      'BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, bias=True)',
      { weight: [4], bias: [4], running_mean: [4], running_var: [4], num_batches_tracked: [] },
    ],
    ['Conv1d(3, 8, kernel_size=(5,), stride=(1,))', { weight: [8, 3, 5], bias: [8] }],
    ['Conv2d(3, 8, kernel_size=(5, 3), stride=(1, 1), bias=False)', { weight: [8, 3, 5, 3] }],
    ['MultiheadAttention()', { in_proj_weight: [12, 4], in_proj_bias: [12] }],
  ];
  for (const [repr, shapes] of table) {
    it(repr, () => {
      const [, node] = [...walk(tree({ 'first.weight': [1, 1], ...prefixed('block', shapes) }))].slice(1);
      assert.equal(node.path, 'block');
      assert.equal(node.repr, repr);
      assert.equal(node.type, repr.slice(0, repr.indexOf('(')));
    });
  }

  const unlike: readonly [what: string, shapes: Shapes][] = [
    ['recurrent weights of different heights', { ...lstm, weight_hh_l0: [24, 8] }],
    ['a second layer of the wrong width', { ...lstm, weight_ih_l1: [32, 9], weight_hh_l1: [32, 8] }],
    ['two biases of the wrong length', { ...lstm, bias_ih_l0: [31] }],
    ['five gates', { weight_ih_l0: [40, 8], weight_hh_l0: [40, 8] }],
    ['a hidden size of 0', { weight_ih_l0: [0, 8], weight_hh_l0: [0, 0] }],
    ['a bias that does not fit its weight', { weight: [2, 3], bias: [3] }],
    ['six dimensions', { weight: [1, 1, 1, 1, 1, 1] }],
    ['a lone parameter', { scale: [3] }],
  ];
  for (const [what, shapes] of unlike) {
    it(`${what} make no module type`, () => {
      const [, node] = [...walk(tree(prefixed('block', shapes)))];
      assert.equal(node.kind, undefined);
      assert.equal(node.type, '');
    });
  }

  describe('a matrix without bias', () => {
    const cases: readonly [name: string, first: boolean, type: string][] = [
      ['encoder', true, 'Embedding'],
      ['decoder', true, 'Linear'],
      ['tok_embeddings', false, 'Embedding'],
      ['wte', false, 'Embedding'],
      ['q_proj', false, 'Linear'],
      ['lm_head', false, 'Linear'],
      ['something', false, 'Linear'],
    ];
    for (const [name, first, type] of cases) {
      it(`named ${name}${first ? ', first in the file,' : ''} is an ${type}`, () => {
        const before: Shapes = first ? {} : { 'a.weight': [7, 7] };
        const root = tree({ ...before, [`${name}.weight`]: [200, 64] });
        assert.equal(root.children.at(-1)?.type, type);
      });
    }
  });

  it('a class name that the file gives wins over what the shapes suggest', () => {
    const list = entries({ 'a.weight': [200, 64], 'b.weight': [4, 4], 'b.bias': [4] });
    const types = new Map([
      ['', 'Net'],
      ['a', 'Linear'],
      ['b', 'MyLayer'],
      ['act', 'ReLU'],
    ]);
    const root = buildModuleTree(list, 'file', { types, records: new Map(), torch: '2' });
    assert.equal(root.type, 'Net');
    assert.deepEqual(root.children.map(({ name, type, repr, kind }) => [name, type, repr, kind?.type]).sort(), [
      ['a', 'Linear', 'Linear(in_features=64, out_features=200, bias=False)', 'Linear'],
      ['act', 'ReLU', 'ReLU', undefined],
      ['b', 'MyLayer', 'MyLayer', undefined],
    ]);
  });
});

describe('the module tree', () => {
  it('keeps the order of the file, and sums bytes, parameters and tensors', () => {
    const root = tree({ 'b.x.weight': [2, 3], 'b.x.bias': [2], scale: [5], 'a.weight': [4, 4] });
    assert.deepEqual(
      [...walk(root)].map(({ path }) => path),
      ['', 'b', 'b.x', 'a'],
    );
    assert.deepEqual([root.name, root.bytes, root.parameters, root.tensorCount], ['file', 29 * 4, 29, 4]);
    const [b] = root.children;
    assert.deepEqual([b.bytes, b.parameters, b.tensorCount], [32, 8, 2]);
    assert.deepEqual(
      root.tensors.map(({ name }) => name),
      ['scale'],
    );
  });

  it('numbered children make a Sequential, and a ModuleList where they have children themselves', () => {
    const root = tree({ '0.weight': [2, 2], '0.bias': [2], '2.weight': [2, 2], '2.bias': [2] });
    assert.equal(root.type, 'Sequential');
    const nested = tree({ 'layers.0.fc.weight': [2, 2], 'layers.1.fc.weight': [2, 2] });
    assert.equal(nested.children[0].type, 'ModuleList');
    assert.equal(nested.type, '');
  });

  it('an empty file is a root without type', () => {
    const root = tree({});
    assert.deepEqual([root.type, root.bytes, root.tensorCount, root.children], ['', 0, 0, []]);
  });

  it('optimizer state is marked and never typed', () => {
    const root = tree({ 'model.fc.weight': [2, 2], 'model.fc.bias': [2], 'optimizer.state.0.weight': [2, 2] });
    const marked = [...walk(root)].filter(({ optimizer }) => optimizer);
    assert.deepEqual(
      marked.map(({ path }) => path),
      ['optimizer', 'optimizer.state', 'optimizer.state.0'],
    );
    assert.ok(marked.every(({ kind }) => kind === undefined));
  });

  it('a model may have a module named after the optimizer deeper down', () => {
    const root = tree({ 'a.b.optim.weight': [2, 2], 'a.b.optim.bias': [2] });
    assert.ok([...walk(root)].every(({ optimizer }) => !optimizer));
  });

  describe('hostile names', () => {
    it('100,000 dots nest no deeper than 1,000 modules', () => {
      const name = `${'a.'.repeat(100_000)}weight`;
      const nodes = [...walk(tree({ [name]: [2, 2] }))];
      assert.equal(nodes.length, 1001);
      assert.equal(nodes.at(-1)?.tensors[0].name, name);
    });

    for (const name of [
      '',
      '.',
      '..',
      'a..b',
      '.weight',
      'weight.',
      '__proto__.weight',
      'constructor',
      'hasOwnProperty.x',
    ]) {
      it(`${JSON.stringify(name)} is a name like any other`, () => {
        const root = tree({ [name]: [2, 2] });
        assert.equal(root.tensorCount, 1);
        assert.equal(root.bytes, 16);
        assert.deepEqual(
          [...walk(root)].flatMap(({ tensors }) => tensors.map((tensor) => tensor.name)),
          [name],
        );
      });
    }
  });
});

describe('names with empty parts', () => {
  const paths = (...names: string[]) => {
    const root = tree(Object.fromEntries(names.map((name) => [name, [2]])));
    return [...walk(root)].map(({ path, tensors }) => [path, tensors.map(({ name }) => name)]);
  };
  it('keep every tensor in the module that its name tells', () => {
    assert.deepEqual(paths('.w', 'w', 'a..w', 'a.w', '..w'), [
      ['', ['.w', 'w']],
      ['a', ['a.w']],
      ['a.', ['a..w']],
      ['.', ['..w']],
    ]);
  });

  it('end at a thousand levels', () => {
    const root = tree({ [`${'a.'.repeat(5_000)}w`]: [2] });
    const deepest = [...walk(root)].at(-1);
    assert.equal(deepest?.path.split('.').length, 1_000);
    assert.equal(deepest?.tensors.length, 1);
  });
});

describe('the square c_proj of GPT-2', () => {
  const block = (attention: readonly [number, number]) =>
    buildModuleTree(
      entries({
        'h.0.attn.c_attn.weight': attention,
        'h.0.attn.c_attn.bias': [12],
        'h.0.attn.c_proj.weight': [4, 4],
        'h.0.attn.c_proj.bias': [4],
      }),
      'file',
    );
  const types = (root: ModuleNode) => [...walk(root)].filter(({ kind }) => kind !== undefined).map(({ type }) => type);

  it('is a Conv1D beside a c_attn of [n, 3n]: transformers', () => {
    assert.deepEqual(types(block([4, 12])), ['Conv1D', 'Conv1D']);
  });

  it('is a Linear beside a c_attn of [3n, n]: other people’s GPT', () => {
    assert.deepEqual(types(block([12, 4])), ['Linear', 'Linear']);
  });
});
