import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteSource } from '../../../src/core/byteSource';
import { type FileSource, openFileSource } from '../../../src/worker/fileSource';
import { temporaryFolder } from '../../support/bundles';
import { evilSiblingNames } from '../../support/siblingNames';

const posix = process.platform !== 'win32';
const hash = 'ab'.repeat(32);

/** Calls of node:fs/promises during `work`. */
async function fileSystemCalls(work: () => Promise<unknown>): Promise<string[]> {
  const calls: string[] = [];
  const functions = fs as unknown as Record<string, unknown>;
  const originals = Object.entries(functions).filter(([, value]) => typeof value === 'function');
  for (const [name, original] of originals) {
    functions[name] = (...args: unknown[]) => {
      calls.push(name);
      return (original as (...args: unknown[]) => unknown)(...args);
    };
  }
  try {
    await work();
  } finally {
    for (const [name, original] of originals) functions[name] = original;
  }
  return calls;
}

describe('files beside a model', () => {
  let folder: string;
  let model: FileSource;
  const at = (...parts: string[]) => join(folder, ...parts);
  const write = async (path: string, content: string) => {
    await fs.mkdir(join(path, '..'), { recursive: true });
    await fs.writeFile(path, content);
  };
  const sibling = (name: string) => (model.sibling as NonNullable<ByteSource['sibling']>)(name);
  const text = async (source: ByteSource | undefined) => {
    assert.ok(source !== undefined, 'the file is found');
    return Buffer.from(await source.read(0, source.size)).toString();
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
    await write(at('model', 'index.json'), '{}');
    await write(at('secret'), 'secret');
    model = await openFileSource(at('model', 'index.json'));
  });
  afterEach(async () => {
    await model.close();
    await fs.rm(folder, { recursive: true, force: true });
  });

  it('are read by range, in the folder and below it', async () => {
    await write(at('model', 'shard'), 'hello');
    await write(at('model', 'more', 'shard'), 'world');
    assert.equal(await text(await sibling('shard')), 'hello');
    assert.equal(await text(await sibling('more/shard')), 'world');
  });

  it('are undefined where they are missing', async () => {
    assert.equal(await sibling('missing'), undefined);
    assert.equal(await sibling('index.json/inside a file'), undefined);
  });

  it('hold no handle between reads, so that a thousand shards need none', async () => {
    await write(at('model', 'shard'), 'hello');
    const source = await sibling('shard');
    const calls = await fileSystemCalls(() => text(source));
    assert.deepEqual(calls, ['open']);
    if (process.platform !== 'linux') return;
    const open = await Promise.all(
      (await fs.readdir('/proc/self/fd')).map((fd) => fs.readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    assert.deepEqual(
      open.filter((path) => path === at('model', 'shard')),
      [],
    );
  });

  for (const name of evilSiblingNames) {
    it(`touch no file system when the name is ${JSON.stringify(name.slice(0, 30))}`, async () => {
      const calls = await fileSystemCalls(() => assert.rejects(sibling(name), { code: 'E_SIBLING_PATH' }));
      assert.deepEqual(calls, []);
    });
  }

  it('that the spy above would see are seen', async () => {
    assert.ok((await fileSystemCalls(() => sibling('missing'))).includes('realpath'));
  });

  const linked: readonly [what: string, code: string, make: () => Promise<string>][] = [
    [
      'a link to a file outside',
      'E_SIBLING_PATH',
      async () => {
        await fs.symlink(at('secret'), at('model', 'shard'));
        return 'shard';
      },
    ],
    [
      'a link in a folder that is itself a link to outside',
      'E_SIBLING_PATH',
      async () => {
        await fs.symlink(folder, at('model', 'more'));
        return 'more/secret';
      },
    ],
    [
      'a link to a blob of another repository',
      'E_SIBLING_PATH',
      async () => {
        await write(at('other', 'blobs', hash), 'x');
        await fs.symlink(at('other', 'blobs', hash), at('model', 'shard'));
        return 'shard';
      },
    ],
    [
      'a named pipe',
      'E_NOT_A_FILE',
      async () => {
        execFileSync('mkfifo', [at('model', 'shard')]);
        return 'shard';
      },
    ],
    ['a device', 'E_SIBLING_PATH', () => fs.symlink('/dev/zero', at('model', 'shard')).then(() => 'shard')],
    ['a folder', 'E_NOT_A_FILE', () => fs.mkdir(at('model', 'shard')).then(() => 'shard')],
    ['a link to itself', 'E_NOT_A_FILE', () => fs.symlink('shard', at('model', 'shard')).then(() => 'shard')],
  ];
  for (const [what, code, make] of linked) {
    it(`are refused when they are ${what}`, async function () {
      if (!posix) this.skip();
      this.timeout(2000);
      const name = await make();
      await assert.rejects(sibling(name), { code });
    });
  }

  it('may be links inside the folder', async function () {
    if (!posix) this.skip();
    await write(at('model', 'real'), 'hello');
    await fs.symlink('real', at('model', 'shard'));
    assert.equal(await text(await sibling('shard')), 'hello');
  });

  it('say so when they have a second name', async () => {
    await write(at('model', 'alone'), 'x');
    await fs.link(at('secret'), at('model', 'shard'));
    assert.equal((await sibling('alone'))?.hardLinked, false);
    assert.equal((await sibling('shard'))?.hardLinked, true);
  });

  it('are not read on once another file stands in their place', async () => {
    await write(at('model', 'shard'), 'hello');
    const source = await sibling('shard');
    await write(at('model', 'new'), 'HELLO');
    await fs.rename(at('model', 'new'), at('model', 'shard'));
    await assert.rejects(text(source), { code: 'E_FILE_CHANGED' });
  });

  it('are not read through a link that was put in their place', async function () {
    if (!posix) this.skip();
    await write(at('model', 'shard'), 'secret');
    const source = await sibling('shard');
    await fs.rm(at('model', 'shard'));
    await fs.symlink(at('secret'), at('model', 'shard'));
    await assert.rejects(text(source), { code: 'E_NOT_A_FILE' });
  });

  it('are links to blobs in a Hugging Face cache, also for files below the snapshot', async function () {
    if (!posix) this.skip();
    const snapshot = at('models--org--name', 'snapshots', '0123abc');
    await write(at('models--org--name', 'blobs', hash), 'hello');
    await fs.mkdir(join(snapshot, 'onnx'), { recursive: true });
    await fs.symlink(`../../blobs/${hash}`, join(snapshot, 'index.json'));
    await fs.symlink(`../../blobs/${hash}`, join(snapshot, 'shard'));
    await fs.symlink(`../../../blobs/${hash}`, join(snapshot, 'onnx', 'shard'));
    for (const path of [snapshot, join(snapshot, 'onnx')]) {
      await model.close();
      await fs.rm(join(path, 'index.json'), { force: true });
      await fs.symlink(join(snapshot, '..', '..', 'blobs', hash), join(path, 'index.json'));
      model = await openFileSource(join(path, 'index.json'));
      assert.equal(await text(await sibling('shard')), 'hello');
    }
  });

  it('are not other files of a Hugging Face cache', async function () {
    if (!posix) this.skip();
    const snapshot = at('models--org--name', 'snapshots', '0123abc');
    await write(join(snapshot, 'index.json'), '{}');
    await write(at('models--org--name', 'refs', 'main'), 'x');
    await fs.symlink('../../refs/main', join(snapshot, 'shard'));
    await model.close();
    model = await openFileSource(join(snapshot, 'index.json'));
    await assert.rejects(sibling('shard'), { code: 'E_SIBLING_PATH' });
  });
});
