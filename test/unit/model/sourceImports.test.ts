import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { QuantscopeError } from '../../../src/core/errors';
import { selectKernels } from '../../../src/engine/kernels/dispatch';
import { parseSource } from '../../../src/model/sourceFiles';
import { gatherModules } from '../../../src/model/sourceImports';
import { loadSourceProgram } from '../../../src/model/sourceModel';
import { run, tensorValue } from '../../support/programs';
import { modelOf } from '../../support/tensorEntries';

type Files = Readonly<Record<string, string>>;

/** A Linear that doubles, and a forward that is `body`. */
const main = (imports: string, body: string) => `import torch.nn as nn
${imports}

class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2, bias=False)

    def forward(self, x):
        x = self.fc(x)
        return ${body}
`;

async function load(files: Files, text: string, packageName = '') {
  const asked: string[] = [];
  const read = async (path: string) => {
    asked.push(path);
    return files[path];
  };
  const modules = await gatherModules(parseSource(text, 'net.py').files, packageName, read);
  const model = await modelOf({ 'fc.weight': { shape: [2, 2], values: [2, 0, 0, 2] } });
  const options = { kernels: selectKernels(), abort: neverAborted };
  const choice = { name: 'net.py', text, className: 'M', modules, packageName };
  const { program } = await loadSourceProgram(model, choice, options, neverAborted);
  const input = tensorValue({ shape: [2], data: Float32Array.of(1, 3) });
  return { asked, modules, result: [...run(program, [input]).outputs[0].storage.data] };
}

const add = 'def add(x, n=1):\n    return x + n\n';

/** Title, imports, forward, the other files, package of the model's file, and what [1, 3] becomes. */
const cases: readonly (readonly [string, string, string, Files, string, readonly number[]])[] = [
  ['a function of a neighbour', 'from utils import add', 'add(x)', { 'utils.py': add }, '', [3, 7]],
  ['under another name', 'from utils import add as plus', 'plus(x, 2)', { 'utils.py': add }, '', [4, 8]],
  ['a whole module', 'import utils', 'utils.add(x)', { 'utils.py': add }, '', [3, 7]],
  ['a module of a package', 'import lib.tools as t', 't.add(x)', { 'lib/tools.py': add }, '', [3, 7]],
  ['a package by its dots', 'import lib.tools', 'lib.tools.add(x)', { 'lib/tools.py': add }, '', [3, 7]],
  ['a module from a package', 'from lib import tools', 'tools.add(x)', { 'lib/tools.py': add }, '', [3, 7]],
  ['all names', 'from utils import *', 'add(x)', { 'utils.py': add }, '', [3, 7]],
  [
    'a package whose __init__ passes on',
    'from lib import add',
    'add(x)',
    { 'lib/__init__.py': 'from .tools import add', 'lib/tools.py': add },
    '',
    [3, 7],
  ],
  ['a relative neighbour', 'from .utils import add', 'add(x)', { 'models/utils.py': add }, 'models', [3, 7]],
  ['the folder above', 'from ..utils import add', 'add(x)', { 'utils.py': add }, 'models', [3, 7]],
  ['a neighbour by its bare name', 'from utils import add', 'add(x)', { 'models/utils.py': add }, 'models', [3, 7]],
  [
    'what an imported file imports',
    'from a import twice',
    'twice(x)',
    { 'a.py': 'from b import add\ndef twice(x):\n    return add(add(x))', 'b.py': add },
    '',
    [4, 8],
  ],
  [
    'two files that import each other',
    'from a import f',
    'f(x)',
    {
      'a.py': 'from b import g\ndef f(x):\n    return g(x)\ndef one():\n    return 1',
      'b.py': 'from a import one\ndef g(x):\n    return x + one()',
    },
    '',
    [3, 7],
  ],
  [
    'an import that is tried, of a file that is there',
    'try:\n    from utils import add\n    there = True\nexcept ImportError:\n    add = None\n    there = False',
    'add(x) if there else x',
    { 'utils.py': add },
    '',
    [3, 7],
  ],
  [
    'an import that is tried, and what stands in for it',
    'try:\n    from apex import add\nexcept ImportError:\n    def add(x):\n        return x - 1',
    'add(x)',
    {},
    '',
    [1, 5],
  ],
  [
    'an import for one case',
    'import torch\nadd = None\nif not torch.cuda.is_available():\n    from utils import add',
    'add(x)',
    { 'utils.py': add },
    '',
    [3, 7],
  ],
  [
    'a name that stays what it was in the other case',
    'import torch\nn = 1\nif torch.cuda.is_available():\n    n = 2',
    'x + n',
    {},
    '',
    [3, 7],
  ],
  [
    'inside a function',
    'def plus(x):\n    import math\n    from utils import add\n    return add(x, math.floor(1.5))',
    'plus(x)',
    { 'utils.py': add },
    '',
    [3, 7],
  ],
  [
    'inside a function of an imported file',
    'from lib import plus',
    'plus(x)',
    { 'lib/__init__.py': 'def plus(x):\n    from .tools import add\n    return add(x)', 'lib/tools.py': add },
    '',
    [3, 7],
  ],
  [
    'inside a function, where it is tried',
    'def plus(x):\n    try:\n        from apex import add\n    except ImportError:\n        from utils import add\n    return add(x)',
    'plus(x)',
    { 'utils.py': add },
    '',
    [3, 7],
  ],
  [
    'a module class of another file',
    'from layers import Shift',
    'Shift()(x)',
    { 'layers.py': 'import torch.nn as nn\nclass Shift(nn.Module):\n    def forward(self, x):\n        return x + 1' },
    '',
    [3, 7],
  ],
];

describe('a model’s file imports its neighbours', () => {
  for (const [title, imports, body, files, packageName, expected] of cases) {
    it(title, async () => {
      assert.deepEqual((await load(files, main(imports, body), packageName)).result, expected);
    });
  }

  it('what Quantscope brings along is never looked for on the disk', async () => {
    const { asked } = await load({}, main('import torch\nimport math\nfrom typing import List', 'x'));
    assert.deepEqual(asked, []);
  });

  it('what is imported for type checkers alone is not looked for', async () => {
    const imports = 'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from config import Config';
    const { asked } = await load({ 'config.py': 'this is no Python (' }, main(imports, 'x'));
    assert.deepEqual(asked, []);
  });

  it('names that are asked for are paths below the root, and nothing else', async () => {
    const { asked } = await load({}, main('import os.path\nfrom ...up import x as y\nfrom . import near', 'x'));
    assert.deepEqual(asked.sort(), [
      'near.py',
      'near/__init__.py',
      'os.py',
      'os/__init__.py',
      'os/path.py',
      'os/path/__init__.py',
    ]);
  });
});

const refusal = async (work: Promise<unknown>): Promise<QuantscopeError> => {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof QuantscopeError);
    return error;
  }
  assert.fail('it ran');
};

describe('imports that lead nowhere are refused, when the name is used', () => {
  const refused: readonly (readonly [string, string, string, Files, string])[] = [
    ['no such file', 'from utils import add', 'add(x)', {}, 'E_PY_IMPORT'],
    ['no such name', 'from utils import sub', 'sub(x)', { 'utils.py': add }, 'E_PY_IMPORT'],
    ['above the root', 'from ..utils import add', 'add(x)', {}, 'E_PY_IMPORT'],
    ['inside a function', 'def f(x):\n    import os\n    return os.getcwd()', 'f(x)', {}, 'E_PY_IMPORT'],
    [
      'a name that needs itself',
      'from a import f',
      'f(x)',
      { 'a.py': 'from b import f', 'b.py': 'from a import f' },
      'E_RUN_NAME',
    ],
    [
      'a neighbour that reaches out',
      'from a import f',
      'f(x)',
      { 'a.py': 'import os\ndef f(x):\n    return os.system("id")' },
      'E_PY_IMPORT',
    ],
  ];
  for (const [title, imports, body, files, code] of refused) {
    it(title, async () => {
      const error = await refusal(load(files, main(imports, body)));
      assert.equal(error.code, code, error.message);
      assert.match(error.details.where?.field ?? '', /^line \d+$/);
    });
  }

  it('a chain without end of files', async () => {
    const read = async (path: string) => `import m${Number(/\d+/.exec(path)?.[0] ?? 0) + 1}`;
    const error = await refusal(gatherModules(parseSource('import m0', 'net.py').files, '', read));
    assert.equal(error.code, 'E_PY_LIMIT');
  });

  it('thousands of names', async () => {
    const text = Array.from({ length: 3_000 }, (_, i) => `import n${i}`).join('\n');
    const error = await refusal(gatherModules(parseSource(text, 'net.py').files, '', async () => undefined));
    assert.equal(error.code, 'E_PY_LIMIT');
  });
});
