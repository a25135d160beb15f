import assert from 'node:assert/strict';
import { wrapElements } from '../../../src/engine/forward/values/stridedTensor';
import type { Program } from '../../../src/model/scriptProgram';
import { run } from '../../support/programs';
import { moduleWith, programOf } from '../../support/sources';

const input = () => wrapElements('float32', Float32Array.of(1, 2), [2]);
const values = (program: Program) =>
  run(program, [input()]).outputs.map(({ storage, offset, count }) => [...storage.data.slice(offset, offset + count)]);

/** What the forward does, and what every run must give. */
const rows: readonly (readonly [what: string, init: string, body: string, expected: readonly number[][]])[] = [
  [
    'a buffer that it writes over in place',
    'self.register_buffer("calls", torch.zeros(1))',
    'self.calls += 1\nreturn x + self.calls',
    [[2, 3]],
  ],
  [
    'a part of a buffer',
    'self.register_buffer("cache", torch.zeros(3, 2))',
    'self.cache[1] += x\nreturn self.cache.sum(0)',
    [[1, 2]],
  ],
  ['a buffer that it gives back', 'self.register_buffer("h", torch.zeros(2))', 'return self.h.add_(x)', [[1, 2]]],
  [
    'a view of a buffer that it gives back beside a new tensor',
    'self.register_buffer("h", torch.zeros(2, 2))',
    'self.h.add_(x)\nreturn self.h[1], x * 2',
    [
      [1, 2],
      [2, 4],
    ],
  ],
  ['a parameter', 'self.w = nn.Parameter(torch.ones(2))', 'self.w.mul_(3)\nreturn self.w * x', [[3, 6]]],
  [
    'a weight that was multiplied before',
    'self.f = nn.Linear(2, 1)',
    'self.f(x)\nself.f.weight.fill_(2)\nreturn self.f(x)',
    [[6]],
  ],
  [
    'a list, a dict and a set that attributes hold',
    'self.l = []\nself.d = {"n": [0]}\nself.s = set()',
    'self.l.append(x)\nself.d["n"][0] += 1\nself.d["x"] = x\nself.s.add(len(self.d))\nreturn x * (len(self.l) + self.d["n"][0] + len(self.s))',
    [[3, 6]],
  ],
  [
    'a list that it sorts and empties',
    'self.l = [2, 1]',
    'first = self.l[0]\nself.l.sort()\nself.l.clear()\nreturn x * first',
    [[2, 4]],
  ],
  ['an object that is no module', 'self.o = State()', 'self.o.n += 1\nreturn x * self.o.n', [[1, 2]]],
  [
    'containers of layers and parameters that it adds to',
    'self.f = nn.ModuleList([nn.Identity()])\nself.p = nn.ParameterList([torch.ones(1)])',
    'self.f.append(nn.Identity())\nself.p.append(torch.ones(1))\nreturn x * (len(self.f) + len(self.p))',
    [[4, 8]],
  ],
  ['a plain attribute', 'self.n = 0', 'self.n += 1\nreturn x * self.n', [[1, 2]]],
  [
    'a module that it adds',
    'self.k = None',
    'y = x if self.k is None else x * 5\nself.k = nn.Identity()\nreturn y',
    [[1, 2]],
  ],
];

/** A class for attributes that are no modules. */
const before = 'class State:\n    def __init__(self):\n        self.n = 0';

describe('every run of a forward is the first, whatever it changes', () => {
  for (const [what, init, body, expected] of rows) {
    it(what, () => {
      const program = programOf(moduleWith(body, { init, before }));
      for (let i = 0; i < 3; i++) assert.deepEqual(values(program), expected, `run ${i}`);
    });
  }

  it('also after a run that failed', () => {
    const body = 'self.calls += 1\nassert x[0] == 1, "another x"\nreturn x + self.calls';
    const program = programOf(moduleWith(body, { init: 'self.register_buffer("calls", torch.zeros(1))' }));
    assert.throws(() => run(program, [wrapElements('float32', Float32Array.of(5, 5), [2])]), /another x/);
    assert.deepEqual(values(program), [[2, 3]]);
  });
});
