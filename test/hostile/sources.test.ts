import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { QuantscopeError } from '../../src/core/errors';
import { moduleWith, runSource } from '../support/sources';

/** What a source tries, its text, and the code it is refused with. */
type Case = readonly [what: string, source: string, code: string];

const marker = '/tmp/quantscope-hostile-marker';
const body = (code: string, more = {}) => moduleWith(code, more);

const cases: readonly Case[] = [
  ['1 import os; os.system', body(`os.system("touch ${marker}")\nreturn x`, { before: 'import os' }), 'E_PY_IMPORT'],
  ['2 from subprocess import run', body('run(["ls"])', { before: 'from subprocess import run' }), 'E_PY_IMPORT'],
  ['3 __import__', body(`__import__("os").system("touch ${marker}")`), 'E_RUN_NAME'],
  ['4 eval', body('eval("1+1")'), 'E_RUN_NAME'],
  ['5 exec', body('exec("x = 1")'), 'E_RUN_NAME'],
  ['6 open', body('open("/etc/passwd").read()'), 'E_RUN_NAME'],
  ['7 x.__class__.__mro__', body('return x.__class__.__mro__'), 'E_PY_SPECIAL'],
  ['8 ().__class__.__base__.__subclasses__()', body('return ().__class__.__base__.__subclasses__()'), 'E_PY_SPECIAL'],
  ['9 self.forward.__globals__', body('return self.forward.__globals__'), 'E_PY_SPECIAL'],
  ['10 x.constructor', body('return x.constructor'), 'E_OPERATOR'],
  ['11 constructor()', body('return constructor("return process")()'), 'E_RUN_NAME'],
  ['12 torch.constructor', body('return torch.constructor(x)'), 'E_OPERATOR'],
  ['13 nn.__proto__', body('return nn.__proto__()'), 'E_PY_SPECIAL'],
  ['14 nn.toString', body('return nn.toString()'), 'E_OPERATOR'],
  ['15 getattr with a made name', body('return getattr(x, "__cla" + "ss__")'), 'E_PY_SPECIAL'],
  ['16 self.__proto__ = x', body('self.__proto__ = x\nreturn x'), 'E_PY_SPECIAL'],
  ['17 dict(__proto__=1).polluted', body('return dict(__proto__=1).polluted'), 'E_RUN_ATTRIBUTE'],
  ['18 while True: pass', body('while True:\n    pass'), 'E_RUN_STEPS'],
  ['19 a range of 10^12', body('for i in range(10**12):\n    pass'), 'E_RUN_STEPS'],
  ['20 forward calls itself', body('return self.forward(x)'), 'E_RUN_DEPTH'],
  [
    '21 f calls g calls f',
    body('return f(x)', { before: 'def f(x):\n    return g(x)\ndef g(x):\n    return f(x)\n' }),
    'E_RUN_DEPTH',
  ],
  ['22 a lambda that calls itself', body('f = lambda y: f(y)\nreturn f(x)'), 'E_RUN_DEPTH'],
  [
    '23 an endless generator',
    body('def g():\n    while True:\n        yield 1\nfor i in g():\n    pass'),
    'E_PY_UNSUPPORTED',
  ],
  ['24 zeros of 10^12', body('return torch.zeros(10**6, 10**6)'), 'E_RUN_MEMORY'],
  ['25 Linear of 10^12', body('return x', { init: 'self.l = nn.Linear(10**6, 10**6)' }), 'E_RUN_MEMORY'],
  ['26 repeat', body('return x.repeat(10**5, 10**5)'), 'E_RUN_MEMORY'],
  ['27 expand, then add', body('return torch.zeros(1, 1).expand(10**6, 10**6) + 1'), 'E_RUN_MEMORY'],
  ['28 cat with itself', body('while True:\n    x = torch.cat([x, x])'), 'E_RUN_MEMORY'],
  ['29 outer product of 10^10', body('y = torch.zeros(10**5)\nreturn torch.outer(y, y)'), 'E_RUN_MEMORY'],
  ['30 [0] * 10^9', body('a = [0] * 10**9'), 'E_RUN_ITEMS'],
  ['31 a list doubled in a loop', body('a = [1]\nwhile True:\n    a = a + a'), 'E_RUN_ITEMS'],
  ['32 a string of 10^9', body('a = "a" * 10**9'), 'E_RUN_ITEMS'],
  ['33 a string doubled in a loop', body('s = "ab"\nwhile True:\n    s = s + s'), 'E_RUN_ITEMS'],
  ['34 9 ** 9 ** 9 ** 9', body('return 9 ** 9 ** 9 ** 9'), 'E_RUN_INT'],
  ['35 1 << 10^9', body('return 1 << 10**9'), 'E_PY_UNSUPPORTED'],
  ['36 a format of 10^9 columns', body("return f'{1:>1000000000}'"), 'E_RUN_ITEMS'],
  ['37 a format that reaches into a value', body("return '{0.__class__}'.format(x)"), 'E_RUN_FORMAT'],
  ['38 a regular expression', body("return re.match('(a+)+$', 'a' * 50)", { before: 'import re' }), 'E_PY_IMPORT'],
  ['39 a comprehension of 10^12', body('return [i for i in range(10**6) for j in range(10**6)]'), 'E_RUN_ITEMS'],
  [
    '40 a decorator on a method',
    moduleWith('return x').replace('    def forward', '    @evil("x")\n    def forward'),
    'E_PY_UNSUPPORTED',
  ],
  ['40 a decorator on the class', moduleWith('return x').replace('class M', '@evil("x")\nclass M'), 'E_PY_UNSUPPORTED'],
  ['41 a metaclass', moduleWith('return x').replace('nn.Module)', 'nn.Module, metaclass=Evil)'), 'E_PY_UNSUPPORTED'],
  [
    '42 try around an endless loop',
    body('try:\n    while True:\n        pass\nexcept Exception:\n    pass'),
    'E_PY_UNSUPPORTED',
  ],
  [
    '43 __getattr__ with a loop',
    moduleWith('return self.nothing').replace(
      '    def forward',
      '    def __getattr__(self, n):\n        while True: pass\n    def forward',
    ),
    'E_PY_UNSUPPORTED',
  ],
  ['44 while True outside of functions', body('return x', { before: 'while True:\n    pass' }), 'E_PY_UNSUPPORTED'],
  ['45 an endless print', body('while True:\n    print("x" * 50000)'), 'E_RUN_PRINT'],
  ['46 20,000 parentheses', body(`return ${'('.repeat(20_000)}x${')'.repeat(20_000)}`), 'E_PY_LIMIT'],
  ['47 50,000 minus signs', body(`return ${'-'.repeat(50_000)}x`), 'E_PY_LIMIT'],
  ['48 400,000 lines', 'x = 1\n'.repeat(400_000), 'E_PY_LIMIT'],
  ['49 20,000 terms', body(`return ${'x+'.repeat(20_000)}x`), 'E_PY_LIMIT'],
  ['50 arange(10^9)', body('return torch.arange(10**9)'), 'E_RUN_MEMORY'],
  ['51 zeros(-5)', body('return torch.zeros(-5)'), 'E_RUN_SHAPE'],
  ['52 int(nan) as a size', body("return torch.zeros(int(float('nan')))"), 'E_RUN_VALUE'],
  ['53 x[99]', body('return x[99]'), 'E_RUN_INDEX'],
  ['54 global', body('global x'), 'E_PY_UNSUPPORTED'],
  ['54 del', body('del x'), 'E_PY_UNSUPPORTED'],
  ['55 yield in forward', body('yield x'), 'E_PY_UNSUPPORTED'],
  ['56 with open', body('with open("/tmp/x", "w") as f:\n    pass'), 'E_PY_UNSUPPORTED'],
  ['57 while (n := 1)', body('while (n := 1):\n    pass'), 'E_PY_UNSUPPORTED'],
  ['59 a module that holds itself', body('return self.m(x)', { init: 'self.m = self' }), 'E_MODULE_CYCLE'],
  [
    '60 a convolution of 10^12 multiply-adds',
    body('return F.conv2d(torch.zeros(1, 64, 1000, 1000), torch.zeros(64, 64, 9, 9))'),
    'E_RUN_WORK',
  ],
  ['61 an einsum that blows up', body("y = torch.zeros(20000)\nreturn torch.einsum('a,b->ab', y, y)"), 'E_RUN_MEMORY'],
  ['62 a million tiny tensors', body('a = []\nfor i in range(10**6):\n    a.append(torch.zeros(1))'), 'E_RUN_ITEMS'],
];

function refusal(source: string): QuantscopeError {
  try {
    runSource(source);
  } catch (error) {
    assert.ok(error instanceof QuantscopeError, `a raw error reached the person: ${error}`);
    return error;
  }
  assert.fail('the source ran to its end');
}

describe('hostile Python sources are refused with line and reason, and nothing is reached', () => {
  before(() => rmSync(marker, { force: true }));

  for (const [what, source, code] of cases) {
    it(what, () => {
      const started = process.cpuUsage();
      const error = refusal(source);
      assert.equal(error.code, code, error.message);
      assert.match(error.details.where?.field ?? '', /^line \d+$/, error.message);
      assert.ok(error.message.length < 2_000);
      // Processor time: a machine with other work must not decide what is too slow.
      const { user, system } = process.cpuUsage(started);
      assert.ok(user + system < 2_000_000, `took ${(user + system) / 1000} ms`);
    });
  }

  it('58 a list that holds itself is printed to a depth', () => {
    const { printed } = runSource(body('a = []\na.append(a)\nprint(a)\nreturn x'));
    assert.deepEqual(printed, ['[[[[[[[...]]]]]]]']);
  });

  it('nothing outside was touched', () => {
    assert.equal(existsSync(marker), false);
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });
});
