import assert from 'node:assert/strict';
import { classConstants } from '../../src/formats/torch/script';
import { openBytes, readFixture } from '../support/fixtures';
import { rejection } from '../support/hostile';
import {
  dict,
  global,
  type Piece,
  pickle,
  proto2,
  reduce,
  stateDict,
  tensor,
  text,
  torchRecords,
} from '../support/pickleBuilder';
import { buildZip, type EntrySpec, utf8 } from '../support/zipBuilder';

/** A TorchScript archive of one module with a weight. */
function scripted(
  extra: readonly EntrySpec[],
  module: Piece = dict([
    ['training', 0x89],
    ['weight', tensor()],
  ]),
): Uint8Array {
  const object: Piece = [global('__torch__', 'Net'), ')', 0x81, module, 'b'];
  return buildZip([
    ...torchRecords(pickle(proto2, object, '.')),
    { name: 'model/constants.pkl', data: pickle(proto2, ')', '.') },
    ...extra.filter(({ name }) => name !== 'model/constants.pkl'),
  ]);
}

describe('sources of a TorchScript archive', () => {
  it('are listed and read as text', async () => {
    const file = await openBytes(await readFixture('torch-2.13', 'recipe_lstm.script.pt'));
    const names = file.sources?.map(({ name }) => name) ?? [];
    assert.ok(names.includes('code/__torch__.py'), names.join());
    const source = await file.readSource?.('code/__torch__.py');
    assert.match(source?.text ?? '', /^class Recipe\(Module\):/);
    assert.equal(source?.truncated, false);
  });

  it('are refused under names that the archive does not have', async () => {
    const file = await openBytes(scripted([{ name: 'model/code/__torch__.py', data: utf8('pass') }]));
    for (const name of ['../secret', 'code/../data.pkl', '__proto__', '/etc/passwd', '']) {
      await assert.rejects(async () => file.readSource?.(name), { code: 'E_NO_SOURCE' });
    }
  });

  const odd: readonly [name: string, data: Uint8Array, deflate: boolean][] = [
    ['100,000 nested parentheses', utf8(`x = ${'('.repeat(100_000)}${')'.repeat(100_000)}`), false],
    ['bytes that are no UTF-8', Uint8Array.of(0xff, 0xfe, 0, 0x80), false],
    ['a class of one endless line', utf8(`class Net(Module):\n  x : Final[int] = ${'1'.repeat(1 << 20)}`), false],
    ['20 MB of text', new Uint8Array(20_000_000).fill(0x78), true],
  ];
  for (const [name, data, deflate] of odd) {
    it(`cost nothing when they are ${name}`, async () => {
      const file = await openBytes(scripted([{ name: 'model/code/__torch__.py', data, deflate }]));
      assert.deepEqual(
        file.tensors.map((named) => named.name),
        ['weight'],
      );
      const source = await file.readSource?.('code/__torch__.py');
      assert.equal(source?.truncated, data.length > 4 * 1024 * 1024);
    });
  }

  it('give constants to the classes that they define, and nothing to others', () => {
    const text = [
      'class A(Module):',
      '  x : Final[int] = 3',
      '  p : Final[float] = 0.5',
      '  mode : Final[str] = "LSTM"',
      '  shape : Final[Tuple[int]] = (64,)',
      '  none : Final[NoneType] = None',
      '  call : Final[int] = __import__("os")',
      '  __proto__ : Final[int] = 1',
      'class B(Module):',
      '  x : Final[bool] = True',
    ].join('\n');
    const constants = classConstants(text);
    assert.deepEqual(Object.entries(constants.get('A') ?? {}), [
      ['x', 3],
      ['p', 0.5],
      ['mode', 'LSTM'],
      ['shape', [64]],
      ['none', null],
      ['__proto__', 1],
    ]);
    assert.deepEqual({ ...constants.get('B') }, { x: true });
    assert.equal(({} as Record<string, unknown>).x, undefined);
  });
});

describe('code of a TorchScript archive that touches files', () => {
  const calls: readonly [name: string, line: string, found: readonly string[]][] = [
    ['torch.save', '    torch.save(x, "/tmp/q")', ['save']],
    ['torch.from_file', '    y = torch.from_file("/etc/passwd", False, 4)', ['from_file']],
    ['aten::save by its namespace', '    _0 = ops.aten.save(x, "/tmp/q")', ['save']],
    ['a text that names torch.save', '    print("torch.save(x)")', []],
    ['a comment that names torch.save', '    # torch.save(x)', []],
    ['a method of the model that is named save', '    _0 = (self.torch).save(x, )', []],
    ['an operator that only ends so', '    _0 = ops.mytorch.save(x)', []],
  ];
  for (const [name, line, found] of calls) {
    it(`J-03: ${found.length > 0 ? 'is suspicious for' : 'is safe for'} ${name}`, async () => {
      const source = `class Net(Module):\n  def forward(self, x: Tensor) -> Tensor:\n${line}\n    return x\n`;
      const { safety, warnings } = await openBytes(scripted([{ name: 'model/code/__torch__.py', data: utf8(source) }]));
      const used = safety.globals.filter(({ verdict }) => verdict === 'suspicious');
      assert.deepEqual(
        used.map((use) => use.name),
        found,
      );
      assert.equal(safety.verdict, found.length > 0 ? 'suspicious' : 'safe');
      assert.deepEqual(
        warnings.map(({ code }) => code),
        found.map(() => 'E_SCRIPT_FILES'),
      );
      if (found.length > 0) assert.equal(used[0].offset, source.indexOf(line) + line.search(/torch|ops/));
      for (const { message } of warnings) assert.match(message, /code\/__torch__\.py .* when the model is run/);
    });
  }

  it('J-03: ends for a megabyte of calls on one line', async () => {
    const data = utf8(`x = ${'torch.save('.repeat(100_000)}`);
    const { safety } = await openBytes(scripted([{ name: 'model/code/__torch__.py', data }]));
    assert.equal(safety.globals.filter(({ name }) => name === 'save').length, 20);
  });
});

describe('variants of TorchScript', () => {
  it('J-05: names the module of PyTorch 1.0 to 1.2', async () => {
    const archive = buildZip([
      { name: 'model/version', data: utf8('1\n') },
      { name: 'model/model.json', data: utf8('{"protoVersion":"2","mainModule":{}}') },
    ]);
    const { code, message, hint } = await rejection(archive);
    assert.equal(code, 'E_PT_MODEL_JSON');
    assert.match(`${message} ${hint}`, /PyTorch 1\.0 to 1\.2.*torch\.jit\.load/);
  });

  it('J-05: opens a module for mobile and says that it is one', async () => {
    const bytecode = { name: 'model/bytecode.pkl', data: pickle(proto2, '(K\x08t.') };
    const file = await openBytes(scripted([bytecode]));
    assert.equal(file.label, 'TorchScript module for mobile');
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      ['weight'],
    );
  });

  it('J-05: names the flatbuffer of a mobile module', async () => {
    const bytes = new Uint8Array(64);
    bytes.set(utf8('$\0\0\0PTMF'));
    for (const name of ['model.ptl', 'model.pt']) {
      const { code, hint } = await rejection(bytes, name);
      assert.equal(code, 'E_PT_FLATBUFFER');
      assert.match(hint ?? '', /_save_for_lite_interpreter/);
    }
  });
});

describe('a TorchScript archive', () => {
  it('is judged like every other: constants.pkl does not change the policy', async () => {
    const evil = pickle(proto2, reduce(global('posix', 'system'), text('true')), '.');
    const archive = buildZip([...torchRecords(stateDict()), { name: 'model/constants.pkl', data: evil }]);
    assert.equal((await openBytes(archive)).safety.verdict, 'dangerous');
    const data = buildZip([...torchRecords(evil), { name: 'model/constants.pkl', data: pickle(proto2, ')', '.') }]);
    assert.equal((await openBytes(data)).safety.verdict, 'dangerous');
  });

  it('lists its constants, whose storages stand apart', async () => {
    const constants = pickle(proto2, tensor(), 0x85, '.');
    const archive = buildZip([
      ...torchRecords(stateDict()),
      { name: 'model/constants.pkl', data: constants },
      { name: 'model/constants/0', data: new Uint8Array(Float32Array.of(9, 8, 7, 6).buffer) },
    ]);
    const file = await openBytes(archive);
    const constant = file.tensors.find(({ name }) => name === 'constants.0');
    assert.equal(constant?.tensor.storage.entry, 'model/constants/0');
  });

  it('shows a list with a hostile type tag as what it is', async () => {
    const tagged = reduce(global('torch.jit._pickle', 'restore_type_tag'), ']', text('<img src=x onerror=alert(1)>'));
    const file = await openBytes(
      scripted(
        [],
        dict([
          ['training', 0x89],
          ['items', tagged],
          ['weight', tensor()],
        ]),
      ),
    );
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      ['weight'],
    );
    assert.equal(file.safety.verdict, 'safe');
  });

  it('keeps script objects of unknown classes opaque', async () => {
    const object: Piece = [
      global('torch', 'ScriptObject'),
      ')',
      0x81,
      [text('state'), text('__torch__.torch.classes.x.Y'), 0x86],
      'b',
    ];
    const bare: Piece = [global('torch', 'ScriptObject'), ')', 0x81];
    const root = dict([
      ['a', object],
      ['b', bare],
      ['w', tensor()],
    ]);
    const file = await openBytes(buildZip(torchRecords(pickle(proto2, root, '.'))));
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      ['w'],
    );
  });
});
