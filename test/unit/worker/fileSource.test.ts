import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { openFileSource } from '../../../src/worker/fileSource';
import { temporaryFolder } from '../../support/bundles';

const posix = process.platform !== 'win32';

describe('openFileSource', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function opened(name: string, content: string | Uint8Array) {
    await writeFile(at(name), content);
    return openFileSource(at(name));
  }

  it('reads by range, up to the last byte', async () => {
    const source = await opened('a.pt', 'hello world');
    assert.deepEqual([source.name, source.size], ['a.pt', 11]);
    const text = async (offset: number, length: number) => Buffer.from(await source.read(offset, length)).toString();
    assert.deepEqual([await text(0, 5), await text(6, 5), await text(11, 0)], ['hello', 'world', '']);
    await source.close();
  });

  it('reads more than one piece of the file at once', async () => {
    const bytes = new Uint8Array(9 * 1024 * 1024).map((_, i) => i % 251);
    const source = await opened('big.pt', bytes);
    assert.ok(Buffer.from(await source.read(0, bytes.length)).equals(Buffer.from(bytes)));
    await source.close();
  });

  it('follows a link to a file', async function () {
    if (!posix) this.skip();
    await writeFile(at('a.pt'), 'x');
    await symlink(at('a.pt'), at('link.pt'));
    const source = await openFileSource(at('link.pt'));
    assert.deepEqual([source.name, source.size], ['link.pt', 1]);
    await source.close();
  });

  const ranges: readonly [offset: number, length: number][] = [
    [0, 12],
    [11, 1],
    [12, 0],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [Number.NaN, 1],
    [2 ** 53, 1],
    [0, Number.POSITIVE_INFINITY],
  ];
  for (const [offset, length] of ranges) {
    it(`a read of ${length} at ${offset} leaves a file of 11 bytes`, async () => {
      const source = await opened('a.pt', 'hello world');
      await assert.rejects(source.read(offset, length), { code: 'E_READ_RANGE' });
      await source.close();
    });
  }

  const changes: readonly [what: string, change: (path: string) => Promise<void>][] = [
    ['grew', (path) => appendFile(path, 'more')],
    ['was cut', (path) => writeFile(path, 'h')],
    [
      'was rewritten with the same length',
      async (path) => {
        await writeFile(path, 'HELLO WORLD');
        await utimes(path, 1, 1);
      },
    ],
    [
      'was rewritten with the same length and its time set back',
      async (path) => {
        const { atime, mtime } = await stat(path);
        await writeFile(path, 'HELLO WORLD');
        await utimes(path, atime, mtime);
      },
    ],
    [
      'was replaced by another file',
      async (path) => {
        await writeFile(`${path}.new`, 'HELLO WORLD');
        await rename(`${path}.new`, path);
      },
    ],
    ['was deleted', (path) => rm(path)],
    ['was made unreadable', (path) => chmod(path, 0)],
  ];
  for (const [what, change] of changes) {
    it(`a file that ${what} since it was opened is not read on`, async () => {
      const source = await opened('a.pt', 'hello world');
      await change(at('a.pt'));
      await assert.rejects(source.read(0, 5), { code: 'E_FILE_CHANGED' });
      await source.close();
    });
  }

  it('F-01: a file that is written to while it is read gives old bytes or an error, never both at once', async function () {
    this.timeout(10_000);
    for (let round = 0; round < 100; round++) {
      const source = await opened('a.pt', Buffer.alloc(64 * 1024, 1));
      const write = writeFile(at('a.pt'), Buffer.alloc(64 * 1024, 2));
      try {
        const bytes = await source.read(0, source.size);
        assert.ok(
          bytes.every((byte) => byte === 1),
          `round ${round} mixes two states`,
        );
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'E_FILE_CHANGED', String(error));
      }
      await write;
      await source.close();
    }
  });

  describe('refuses without waiting (ID-10)', () => {
    const sockets: Server[] = [];
    after(() => {
      for (const server of sockets) server.close();
    });
    const cases: readonly [what: string, code: string, make: () => Promise<string>][] = [
      ['a file that is not there', 'E_IO', async () => at('missing.pt')],
      [
        'a path through a file',
        'E_IO',
        async () => {
          await writeFile(at('file'), '');
          return at('file/a.pt');
        },
      ],
      [
        'a folder',
        'E_NOT_A_FILE',
        async () => {
          await mkdir(at('folder.pt'));
          return at('folder.pt');
        },
      ],
      [
        'a named pipe',
        'E_NOT_A_FILE',
        async () => {
          execFileSync('mkfifo', [at('pipe.pt')]);
          return at('pipe.pt');
        },
      ],
      [
        'a link to a named pipe',
        'E_NOT_A_FILE',
        async () => {
          execFileSync('mkfifo', [at('pipe')]);
          await symlink(at('pipe'), at('link.pt'));
          return at('link.pt');
        },
      ],
      [
        'a socket',
        'E_NOT_A_FILE',
        async () => {
          const server = createServer().listen(at('socket.pt'));
          await once(server, 'listening');
          server.unref();
          sockets.push(server);
          return at('socket.pt');
        },
      ],
      ['an endless device', 'E_NOT_A_FILE', async () => '/dev/zero'],
      ['a terminal or null device', 'E_NOT_A_FILE', async () => '/dev/null'],
      [
        'a link to itself',
        'E_NOT_A_FILE',
        async () => {
          await symlink(at('loop.pt'), at('loop.pt'));
          return at('loop.pt');
        },
      ],
      [
        'a link to nothing',
        'E_IO',
        async () => {
          await symlink(at('gone'), at('link.pt'));
          return at('link.pt');
        },
      ],
    ];
    for (const [what, code, make] of cases) {
      it(what, async function () {
        if (!posix) this.skip();
        this.timeout(2000);
        await assert.rejects(openFileSource(await make()), (error: { code?: string; details?: { hint?: string } }) => {
          assert.equal(error.code, code);
          assert.ok(error.details?.hint);
          return true;
        });
      });
    }
  });
});
