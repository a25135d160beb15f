import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { QuantscopeError } from '../../../src/core/errors';
import { selectKernels } from '../../../src/engine/kernels/dispatch';
import { loadSourceProgram } from '../../../src/model/sourceModel';
import { run, tensorValue } from '../../support/programs';
import { modelOf } from '../../support/tensorEntries';

type Entries = Parameters<typeof modelOf>[0];

/** What class M of a source gives for [1, 3] with a state dict in it. */
async function outputOf(entries: Entries, text: string): Promise<number[]> {
  const options = { kernels: selectKernels(), abort: neverAborted };
  const source = `import functools\nimport torch\nimport torch.nn as nn\n${text}`;
  const choice = { name: 'net.py', text: source, className: 'M' };
  const { program } = await loadSourceProgram(await modelOf(entries), choice, options, neverAborted);
  const input = tensorValue({ shape: [2], data: Float32Array.of(1, 3) });
  const [{ storage, offset, count }] = run(program, [input]).outputs;
  return [...storage.data.slice(offset, offset + count)];
}

const module = (init: string, forward: string, parameters = '') => `class M(nn.Module):
    def __init__(self${parameters}):
        super().__init__()
        ${init}
    def forward(self, x):
        return ${forward}
`;
const net = module('self.fc = nn.Linear(2, 2, bias=False)', 'self.fc(x)').replace('class M', 'class Net');
const weight = { shape: [2, 2], values: [2, 0, 0, 2] };

/** What the names of the file are, what the class is, and what [1, 3] becomes. */
const rows: readonly (readonly [what: string, entries: Entries, text: string, expected: readonly number[]])[] = [
  ['the names of the class', { 'fc.weight': weight }, net.replaceAll('Net', 'M'), [2, 6]],
  ['the names of DataParallel', { 'module.fc.weight': weight }, net.replaceAll('Net', 'M'), [2, 6]],
  [
    'a child around everything',
    { 'model.fc.weight': weight },
    net + module('self.model = Net()', 'self.model(x)'),
    [2, 6],
  ],
  [
    'a child around everything, whose sizes the shapes tell',
    { 'net.fc.weight': weight },
    `${net.replace('self):', 'self, n):').replace('2, 2', 'n, n')}${module('self.net = Net(width)', 'self.net(x)', ', width')}`,
    [2, 6],
  ],
  [
    'a child below a child',
    { 'a.b.fc.weight': weight },
    `${net}class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.b = Net()\n${module('self.a = A()', 'self.a.b(x)')}`,
    [2, 6],
  ],
  [
    'a weight in two parts',
    { 'fc.weight_g': { shape: [1, 1], values: [10] }, 'fc.weight_v': { shape: [1, 2], values: [3, 4] } },
    module('self.fc = nn.utils.weight_norm(nn.Linear(2, 1, bias=False))', 'self.fc(x)'),
    [30],
  ],
  [
    'a layer that functools.partial makes',
    { 'fc.weight': weight },
    module('self.fc = functools.partial(nn.Linear, bias=False)(2, 2)', 'self.fc(x)'),
    [2, 6],
  ],
];

it('what the shapes do not tell of a class is asked for, with what they tell', async () => {
  const text = module('self.fc = nn.Linear(width, 2, bias=False)', 'self.fc(x) * heads', ', width, heads');
  await assert.rejects(outputOf({ 'fc.weight': weight }, text), (error) => {
    assert.ok(error instanceof QuantscopeError);
    assert.equal(error.code, 'E_INIT_ARGUMENTS');
    assert.deepEqual(error.details.asked, { width: 2, heads: null });
    return true;
  });
});

describe('a state dict finds its class', () => {
  for (const [what, entries, text, expected] of rows) {
    it(what, async () => assert.deepEqual(await outputOf(entries, text), expected));
  }
});
