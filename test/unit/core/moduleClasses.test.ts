import assert from 'node:assert/strict';
import { findModuleClasses, maxScannedText } from '../../../src/core/moduleClasses';

const cases: readonly (readonly [string, string, readonly (readonly [string, number])[]])[] = [
  ['nn.Module', 'import torch.nn as nn\n\nclass Net(nn.Module):\n    pass\n', [['Net', 2]]],
  ['torch.nn.Module', 'class Net(torch.nn.Module):', [['Net', 0]]],
  ['an imported Module', 'class Net(Module):', [['Net', 0]]],
  ['Sequential', 'class Net(nn.Sequential):', [['Net', 0]]],
  ['with other bases', 'class Net(Mixin, nn.Module):', [['Net', 0]]],
  [
    'below a class of the same text',
    'class A(nn.Module):\n  x = 1\nclass B(A):\n',
    [
      ['A', 0],
      ['B', 2],
    ],
  ],
  ['indented', 'if True:\n    class Net(nn.Module):\n', [['Net', 1]]],
  ['over two lines', 'class Net(\n    nn.Module,\n):\n', [['Net', 0]]],
  ['a keyword argument among the bases', 'class Net(nn.Module, metaclass=abc.ABCMeta):', [['Net', 0]]],
  ['no module', 'class Config:\nclass Data(Dataset):\nclass Modules(dict):\n', []],
  ['a comment', '# class Net(nn.Module):\n', []],
  ['Windows line ends', '\r\nclass Net(nn.Module):\r\n', [['Net', 1]]],
];

describe('classes below nn.Module are found by their heads', () => {
  for (const [name, text, expected] of cases) {
    it(name, () => {
      assert.deepEqual(
        findModuleClasses(text).map((found) => [found.name, found.line]),
        expected,
      );
    });
  }

  it('a source that is too long is not looked through', () => {
    assert.deepEqual(findModuleClasses(`class A(nn.Module):\n${' '.repeat(maxScannedText)}`), []);
  });

  it('a text made to be slow takes no longer than one of its length', () => {
    const slow = `class A(${'(a,'.repeat(300_000)}`;
    const start = performance.now();
    findModuleClasses(slow);
    findModuleClasses(`class ${'a'.repeat(1_000_000)}(`);
    findModuleClasses('class A(a'.repeat(100_000));
    assert.ok(performance.now() - start < 2_000);
  });
});
