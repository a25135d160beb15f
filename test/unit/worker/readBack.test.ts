import assert from 'node:assert/strict';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { neverAborted, sharedAbort } from '../../../src/core/abort';
import { systemDisk } from '../../../src/worker/disk';
import { ReadBackThread, regionBytes } from '../../../src/worker/readBack';
import { writeFileAtomically } from '../../../src/worker/writeFile';
import { temporaryFolder } from '../../support/bundles';

const script = join(__dirname, '..', '..', '..', 'src', 'worker', 'readBackThread.js');
const mb = 1024 * 1024;

/** So many megabytes, each of another letter; `between` happens before each is made. */
async function* megabytes(count: number, between: (index: number) => unknown = () => {}): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    await between(i);
    yield new Uint8Array(mb).fill(97 + (i % 26));
  }
}

describe('a large file that another thread reads back while it is written', () => {
  let folder: string;
  let target: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    target = join(folder, 'a.pt');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const regions = regionBytes / mb;
  const disk = systemDisk(script);

  it('has every byte', async () => {
    await writeFileAtomically(target, megabytes(2 * regions + 3), neverAborted, disk);
    const bytes = await readFile(target);
    assert.equal(bytes.length, (2 * regions + 3) * mb);
    for (let i = 0; i < bytes.length / mb; i++)
      assert.deepEqual([bytes[i * mb], bytes[(i + 1) * mb - 1]], [97 + (i % 26), 97 + (i % 26)]);
  });

  it('is refused when a byte changed meanwhile', async () => {
    const change = async (index: number) => {
      if (index !== regions + 2) return;
      const [name] = await readdir(folder);
      const file = await open(join(folder, name), 'r+');
      await file.write(Buffer.from('!'), 0, 1, regionBytes + 5);
      await file.close();
    };
    const written = writeFileAtomically(target, megabytes(regions + 3, change), neverAborted, disk);
    await assert.rejects(written, { code: 'E_EXPORT_VERIFY' });
    assert.deepEqual(await readdir(folder), []);
  });

  it('is aborted with nothing left behind', async () => {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const abort = (index: number) => {
      if (index === regions + 2) flag[0] = 1;
    };
    const written = writeFileAtomically(target, megabytes(regions + 9, abort), sharedAbort(flag), disk);
    await assert.rejects(written, { code: 'E_ABORTED' });
    assert.deepEqual(await readdir(folder), []);
  });

  it('is read back by the writing thread when the other one is lost', async () => {
    const lost = systemDisk(join(folder, 'no such script.js'));
    await writeFileAtomically(target, megabytes(regions + 1), neverAborted, lost);
    assert.equal((await readFile(target)).length, (regions + 1) * mb);
  });

  describe('ReadBackThread', () => {
    it('gives length and CRC of what is there, also of fewer bytes than were promised', async () => {
      const path = join(folder, 'short');
      const file = await open(path, 'w+');
      await file.write(Buffer.from('abc'));
      for (const promised of [3, 9]) {
        const found = await new ReadBackThread(script, file.fd).finish(promised);
        assert.deepEqual(found, { bytes: 3, crc: crc32(Buffer.from('abc')) });
      }
      await file.close();
    });

    it('tells an error of the system by its name', async () => {
      const file = await open(join(folder, 'writable only'), 'w');
      await assert.rejects(new ReadBackThread(script, file.fd).finish(3), { code: 'EBADF' });
      await file.close();
    });

    it('ends when it is stopped before there was anything to read', async () => {
      const file = await open(join(folder, 'empty'), 'w+');
      await new ReadBackThread(script, file.fd).stop();
      await file.close();
    });
  });
});
