import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { openFile } from '../../src/formats/registry';
import type { ModelFile } from '../../src/formats/types';
import { openFileSource } from '../../src/worker/fileSource';
import { containers } from '../support/containers';
import { fixturePath, openBytes } from '../support/fixtures';
import {
  dict,
  global,
  type Piece,
  pickle,
  proto2,
  reduce,
  stackGlobal,
  tensor,
  text,
  torchFile,
  tuple,
} from '../support/pickleBuilder';
import { concat, le, utf8 } from '../support/zipBuilder';

const folder = mkdtempSync(join(tmpdir(), 'quantscope-'));
const marker = join(folder, 'ran');
const command = `touch ${marker}`;

after(() => rmSync(folder, { recursive: true }));

interface Payload {
  readonly name: string;
  readonly value: Piece;
  /** The opcode that names what would run. */
  readonly naming: Piece;
  readonly shows: string;
}

const posixSystem = global('posix', 'system');

const payloads: readonly Payload[] = [
  { name: 'GLOBAL and REDUCE', value: reduce(posixSystem, text(command)), naming: posixSystem, shows: 'os.system' },
  {
    name: 'STACK_GLOBAL and REDUCE',
    value: reduce(stackGlobal('os', 'system'), text(command)),
    naming: 0x93,
    shows: 'os.system',
  },
  {
    name: 'STACK_GLOBAL of names from the memo',
    value: [text('os'), 'q\x500', text('system'), 'q\x510', 'h\x50h\x51', 0x93, tuple(text(command)), 'R'],
    naming: 0x93,
    shows: 'os.system',
  },
  {
    name: 'INST',
    value: ['(', text(command), 'i', utf8('os\nsystem\n')],
    naming: ['i', utf8('os\nsystem\n')],
    shows: 'os.system',
  },
  { name: 'OBJ', value: ['(', posixSystem, text(command), 'o'], naming: posixSystem, shows: 'os.system' },
  {
    name: 'NEWOBJ',
    value: [global('subprocess', 'Popen'), tuple(text(command)), 0x81],
    naming: global('subprocess', 'Popen'),
    shows: 'subprocess.Popen',
  },
  {
    name: 'NEWOBJ_EX',
    value: [global('subprocess', 'Popen'), tuple(text(command)), '}', 0x92],
    naming: global('subprocess', 'Popen'),
    shows: 'subprocess.Popen',
  },
  {
    name: 'a result that is thrown away',
    value: [reduce(posixSystem, text(command)), '0N'],
    naming: posixSystem,
    shows: 'os.system',
  },
  {
    name: 'OBJ whose result is thrown away',
    value: ['(', posixSystem, text(command), 'o', '0N'],
    naming: posixSystem,
    shows: 'os.system',
  },
  { name: 'BUILD', value: [posixSystem, dict([['x', text(command)]]), 'b'], naming: posixSystem, shows: 'os.system' },
  {
    name: 'a function handed to the tensor rebuilder',
    value: reduce(global('torch._tensor', '_rebuild_from_type_v2'), posixSystem, text('t'), tuple(text(command)), 'N'),
    naming: posixSystem,
    shows: 'os.system',
  },
  ...[
    ['builtins', 'eval'],
    ['builtins', 'exec'],
    ['__builtin__', 'getattr'],
    ['nt', 'system'],
    ['subprocess', 'check_output'],
    ['runpy', '_run_code'],
    ['pip', 'main'],
    ['webbrowser', 'open'],
    ['importlib', 'import_module'],
    ['functools', 'partial'],
    ['operator', 'attrgetter'],
    ['torch.hub', 'load'],
    ['torch', 'load'],
    ['pickle', 'loads'],
    ['numpy.testing._private.utils', 'runstring'],
    ['os.path', 'join'],
    ['fickling', 'always_check_safety'],
    ['torch.serialization', 'os.system'],
    ['torch.nn.modules.module', 'torch.serialization.os.system'],
    ['collections', 'sys.modules'],
  ].map(([module, name]) => ({
    name: `${module}.${name}`,
    value: reduce(stackGlobal(module, name), text(command)),
    naming: 0x93,
    shows: module === 'nt' ? 'os.system' : `${module}.${name}`,
  })),
];

describe('files that ask Python to run something', () => {
  for (const { name, value, naming, shows } of payloads) {
    it(`are opened, shown and never obeyed: ${name}`, async () => {
      const before = [proto2, '}(', text('payload')];
      const data = pickle(...before, value, text('w'), tensor(), 'u.');
      const file = await openBytes(torchFile(data));
      assert.equal(file.safety.verdict, 'dangerous');
      const warning = file.warnings.find(({ code }) => code === 'E_PICKLE_DANGEROUS');
      assert.ok(warning, 'there is a warning');
      assert.ok(warning.message.includes(shows), warning.message);
      const offset = offsetOf(data, pickle(naming), pickle(...before).length);
      assert.ok(warning.message.includes(`at byte ${offset}`), `${warning.message} should name byte ${offset}`);
      await assertTensorStillReads(file);
      assert.ok(!existsSync(marker), 'the payload ran');
    });
  }

  it('says what would be called, with its arguments', async () => {
    const file = await openBytes(torchFile(pickle(proto2, reduce(posixSystem, text('id')), '.')));
    assert.match(file.warnings[0].message, /^This file asks Python to run os\.system \(posix\.system\)\./);
    assert.match(file.warnings[0].message, /as posix\.system\("id"\)/);
    assert.equal(file.safety.globals[0].use, 'called');
  });

  it('keeps what it says short, however long the names are', async () => {
    const name = 'x'.repeat(1 << 20);
    const file = await openBytes(torchFile(pickle(proto2, reduce(stackGlobal('os', name), text(name)), '.')));
    assert.ok(file.warnings[0].message.length < 2000, `${file.warnings[0].message.length} characters`);
  });
});

/** `getattr(torch, 'contiguous_format')`, as torch 2.6 writes it. */
function memoryFormat(getattr: Piece, name: string): Piece {
  return reduce(getattr, global('torch._utils', 'torch'), text(name));
}

/** Every module that one of the open pickle scanners (picklescan, fickling, modelscan, modelaudit) flags. */
const flagged =
  '__builtin__ __builtins__ _aix_support _ctypes _frozen_importlib _frozen_importlib_external _imp _interpreters _operator _osx_support _pickle _posixsubprocess _pyrepl _signal _sqlite3 _thread _xxsubinterpreters aiohttp aiohttp.client asyncio atexit bdb builtins cloudpickle code codeop commands compile compileall cProfile ctypes ctypes.util difflib dill distutils distutils.file_util doctest ensurepip eval exec filecmp fileinput ftplib functools gc glob http httplib idlelib imaplib imp importlib inspect joblib lib2to3 linecache logging marshal mmap multiprocessing nntplib nt numpy.f2py numpy.testing._private.utils operator os pdb pexpect pickle pip pip._internal pip._internal.cli pip._internal.cli.main pip._vendor pip._vendor.distlib pip._vendor.distlib.scripts pipes pkgutil platform poplib posix profile pty py_compile pydoc requests requests.api runpy select selectors shelve shutil signal site smtplib socket socketserver sqlite3 ssl subprocess sys syslog tarfile telnetlib tempfile test threading timeit torch.hub trace types unittest urllib urllib.request urllib2 uuid venv webbrowser xmlrpc zipfile zipimport'.split(
    ' ',
  );

describe('a call into a module that pickle scanners flag', () => {
  it('covers what the four scanners name between them', () => assert.equal(new Set(flagged).size, 121));

  for (const module of flagged) {
    it(`is dangerous, named and not made: ${module}`, async () => {
      const value = reduce(stackGlobal(module, 'anything'), text(command));
      const file = await openBytes(
        torchFile(
          pickle(
            proto2,
            dict([
              ['payload', value],
              ['w', tensor()],
            ]),
            '.',
          ),
        ),
      );
      assert.equal(file.safety.verdict, 'dangerous');
      assert.deepEqual(file.safety.globals[0].use, 'called');
      await assertTensorStillReads(file);
      assert.ok(!existsSync(marker), 'the payload ran');
    });
  }
});

describe('pickles inside pickles', () => {
  const evil = pickle(proto2, reduce(posixSystem, text(command)), '.');
  const wrap = (inner: Uint8Array, module: string, name: string) =>
    pickle(proto2, reduce(global(module, name), ['B', le(4, inner.length), inner]), '.');

  for (const [module, name] of [
    ['torch.storage', '_load_from_bytes'],
    ['pickle', 'loads'],
    ['_pickle', 'loads'],
    ['dill', 'loads'],
    ['cloudpickle', 'loads'],
  ] as const) {
    it(`are judged inside ${module}.${name}, three levels down`, async () => {
      let data: Uint8Array = evil;
      for (let depth = 1; depth <= 3; depth++) {
        data = wrap(data, module, name);
        const file = await openBytes(torchFile(data));
        assert.equal(file.safety.verdict, 'dangerous');
        assert.ok(
          file.safety.globals.some((use) => use.module === 'posix'),
          `depth ${depth}`,
        );
      }
      assert.ok(!existsSync(marker), 'the payload ran');
    });
  }

  it('are told of when they are too deep to be judged', async () => {
    let data: Uint8Array = evil;
    for (let depth = 0; depth < 10; depth++) data = wrap(data, 'torch.storage', '_load_from_bytes');
    const file = await openBytes(torchFile(data));
    assert.ok(file.warnings.some(({ code }) => code === 'E_PICKLE_UNJUDGED'));
  });

  it('are judged behind the first STOP too', async () => {
    const sound = pickle(proto2, dict([['w', tensor()]]), '.');
    const file = await openBytes(torchFile(concat(sound, evil)));
    assert.equal(file.safety.verdict, 'dangerous');
    assert.ok(file.warnings.some(({ code }) => code === 'E_PICKLE_TRAILING'));
  });
});

describe('what ordinary programs wrote', () => {
  for (const { label, path, kind } of containers()) {
    it(`raises no alarm: ${label}`, async () => {
      const { safety } = await openBytes(new Uint8Array(readFileSync(path)));
      // Classes of the program that saved a whole module are not PyTorch's.
      const foreign = /module\.pt$/.test(kind) && safety.verdict === 'unknown';
      assert.equal(safety.verdict, foreign ? 'unknown' : 'safe');
    });
  }
});

describe('every file among the fixtures', () => {
  const roots = [fixturePath(), process.env.QUANTSCOPE_CORPUS].filter((root) => root !== undefined);
  const files = roots.flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(pt|pth|ckpt|safetensors|onnx|gguf|npz)$/.test(name))
      .map((name) => join(root, name)),
  );

  /** The modules of the scripts that made them. */
  const scripts: ReadonlySet<string> = new Set(['__main__', 'models']);

  it('is there', () => assert.ok(files.length > 80, `${files.length} files`));

  it('asks for nothing dangerous; what is unknown are classes of the script that saved it', async () => {
    for (const path of files) {
      const source = await openFileSource(path);
      const { safety, warnings } = await openFile(source, neverAborted);
      await source.close();
      const odd = warnings.filter(({ code }) => /^E_PICKLE_(DUP|MEMO_TWICE)$/.test(code));
      assert.deepEqual(odd, [], path);
      const alarms = safety.globals.filter(({ verdict }) => verdict !== 'safe');
      assert.ok(
        alarms.every(({ module, verdict }) => verdict === 'unknown' && scripts.has(module)),
        `${path}: ${alarms.map(({ module, name }) => `${module}.${name}`).join()}`,
      );
    }
  });
});

describe('files that only look dangerous', () => {
  for (const format of ['contiguous_format', 'channels_last', 'channels_last_3d', 'preserve_format']) {
    it(`are safe: the memory format ${format} through getattr`, async () => {
      const root = dict([
        ['format', memoryFormat(global('__builtin__', 'getattr'), format)],
        ['w', tensor()],
      ]);
      const file = await openBytes(torchFile(pickle(proto2, root, '.')));
      assert.equal(file.safety.verdict, 'safe');
      assert.deepEqual(file.warnings, []);
    });
  }

  it('are not safe when getattr fetches anything else', async () => {
    const file = await openBytes(torchFile(pickle(proto2, memoryFormat(global('__builtin__', 'getattr'), 'hub'), '.')));
    assert.equal(file.safety.verdict, 'dangerous');
  });

  it('are not safe when one getattr serves a memory format and something else', async () => {
    const shared: Piece = [global('__builtin__', 'getattr'), 'q\0'];
    const harmless = memoryFormat(shared, 'contiguous_format');
    const again = memoryFormat('h\0', 'hub');
    for (const value of [
      [harmless, again, 0x86],
      [harmless, again, '0'],
    ]) {
      const file = await openBytes(torchFile(pickle(proto2, value, '.')));
      assert.equal(file.safety.verdict, 'dangerous');
    }
  });

  it('are not safe when the getattr itself is handed on', async () => {
    const root = [
      memoryFormat([global('__builtin__', 'getattr'), 'q\0'], 'contiguous_format'),
      reduce(global('collections', 'defaultdict'), 'h\0'),
      0x86,
    ];
    assert.equal((await openBytes(torchFile(pickle(proto2, root, '.')))).safety.verdict, 'dangerous');
  });

  it('are of unknown safety when they need a class of some other package', async () => {
    const object: Piece = [global('mypackage.models', 'Config'), ')', 0x81, dict([['w', tensor()]]), 'b'];
    const file = await openBytes(torchFile(pickle(proto2, dict([['config', object]]), '.')));
    assert.equal(file.safety.verdict, 'unknown');
    assert.deepEqual(file.opaque, [{ path: 'config', name: 'mypackage.models.Config' }]);
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      ['config.w'],
    );
  });
});

async function assertTensorStillReads(file: ModelFile): Promise<void> {
  const found = file.tensors.find(({ name }) => name === 'w');
  assert.ok(found, 'the tensor beside the payload is listed');
  assert.equal((await file.readTensor(found.tensor, neverAborted)).length, 16);
}

function offsetOf(data: Uint8Array, part: Uint8Array, from: number): number {
  return Buffer.from(data).indexOf(part, from);
}
