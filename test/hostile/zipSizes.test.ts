import assert from 'node:assert/strict';
import { crc32, deflateRawSync } from 'node:zlib';
import { neverAborted } from '../../src/core/abort';
import { QuantscopeError } from '../../src/core/errors';
import { openFile } from '../../src/formats/registry';
import { openBytes } from '../support/fixtures';
import { rejection, tensorRejection } from '../support/hostile';
import { dict, pickle, proto2, stateDict, tensor, torchRecords } from '../support/pickleBuilder';
import { sparseSource } from '../support/sparseSource';
import { buildZip, concat, le, utf8 } from '../support/zipBuilder';

const GiB = 2 ** 30;

/** A central header with zip64 sizes and offset. */
function centralZip64(name: string, crc: number, size: number, offset: bigint): Uint8Array {
  const extra = concat(le(2, 1), le(2, 24), le(8, size), le(8, size), le(8, offset));
  return concat(
    le(4, 0x02014b50),
    le(2, 45),
    le(2, 45),
    new Uint8Array(8),
    le(4, crc),
    le(4, 0xffffffff),
    le(4, 0xffffffff),
    le(2, name.length),
    le(2, extra.length),
    new Uint8Array(10),
    le(4, 0xffffffff),
    utf8(name),
    extra,
  );
}

function localHeader(name: string, crc = 0, size = 0): Uint8Array {
  const sizes = size > 0xffffffff ? 0xffffffff : size;
  return concat(
    ...[le(4, 0x04034b50), new Uint8Array(10), le(4, crc), le(4, sizes), le(4, sizes), le(2, name.length), le(2, 0)],
    utf8(name),
  );
}

function zip64End(count: number, size: number, offset: number): Uint8Array {
  const [n, s, o] = [le(8, count), le(8, size), le(8, offset)];
  return concat(
    ...[le(4, 0x06064b50), le(8, 44), le(2, 45), le(2, 45), new Uint8Array(8), n, n, s, o],
    ...[le(4, 0x07064b50), le(4, 0), le(8, offset + size), le(4, 1)],
    ...[le(4, 0x06054b50), new Uint8Array(4), le(2, 0xffff), le(2, 0xffff), le(4, -1), le(4, -1), le(2, 0)],
  );
}

/** `model/data/0` of 60 GB between the pickle and the version, without the bytes of it. */
function hugeArchive(storageOffset?: bigint) {
  const storage = 60 * 1000 ** 3;
  const data = pickle(
    proto2,
    dict([['w', tensor({ numel: BigInt(storage / 4), size: ['(', 'K\x02K\x02t'], stride: ['(', 'K\x02K\x01t'] })]]),
    '.',
  );
  const version = utf8('3\n');
  const records = [
    { name: 'model/data.pkl', bytes: data, size: data.length, crc: crc32(data) },
    { name: 'model/data/0', bytes: new Uint8Array(0), size: storage, crc: 0 },
    { name: 'model/version', bytes: version, size: version.length, crc: crc32(version) },
  ];
  const pieces: { at: number; bytes: Uint8Array }[] = [];
  const central: Uint8Array[] = [];
  let at = 0;
  for (const { name, bytes, size, crc } of records) {
    const head = localHeader(name, crc, size);
    pieces.push({ at, bytes: concat(head, bytes) });
    central.push(centralZip64(name, crc, size, (name.endsWith('/0') ? storageOffset : undefined) ?? BigInt(at)));
    at += head.length + size;
  }
  const directory = concat(...central);
  const tail = concat(directory, zip64End(records.length, directory.length, at));
  return sparseSource([...pieces, { at, bytes: tail }], at + tail.length);
}

/** `count` entries without bytes, all with one local header; made in place, since there are millions. */
function emptyEntries(count: number): Uint8Array {
  const head = localHeader('e');
  const width = 46 + 7;
  const archive = new Uint8Array(head.length + count * width + 98);
  archive.set(head);
  const entry = concat(
    ...[le(4, 0x02014b50), le(2, 20), le(2, 20), new Uint8Array(20), le(2, 7), new Uint8Array(12), le(4, 0)],
    utf8('0000000'),
  );
  for (let i = 0; i < count; i++) {
    const at = head.length + i * width;
    archive.set(entry, at);
    for (let digit = 6, rest = i; digit >= 0; digit--, rest = Math.floor(rest / 10))
      archive[at + 46 + digit] += rest % 10;
  }
  archive.set(zip64End(count, count * width, head.length), head.length + count * width);
  return archive;
}

describe('archives that are larger than they are, or seem so', function () {
  this.timeout(60_000);

  it('Z-15: refuses a bomb of overlapping entries from its directory alone', async () => {
    const kernel = new Uint8Array(deflateRawSync(new Uint8Array(20 * 1024 * 1024)));
    const shared = { method: 8, crc: 0, size: 20 * 1024 * 1024 };
    const entries = Array.from({ length: 250 }, (_, i) => ({
      ...shared,
      name: `f${i}`,
      data: i === 0 ? kernel : new Uint8Array(0),
      compressedSize: kernel.length,
      offset: 0,
    }));
    const bomb = buildZip(entries);
    assert.ok(bomb.length < 64 * 1024);
    const details = await rejection(bomb);
    assert.deepEqual(
      [details.code, details.found],
      ['E_ZIP_BOMB', `${250 * 20 * 1024 * 1024} bytes from ${kernel.length + 30}`],
    );
  });

  it('Z-16: stops inflating a storage at the size that the directory gives', async () => {
    const zeros = new Uint8Array(deflateRawSync(new Uint8Array(200 * 1024 * 1024)));
    const [data, , version] = torchRecords(stateDict());
    const storage = { name: 'model/data/0', data: zeros, method: 8, size: 16 };
    const file = await openBytes(buildZip([data, storage, version]));
    const before = process.memoryUsage().arrayBuffers;
    assert.equal((await tensorRejection(file, 'w')).code, 'E_ZIP_INFLATE');
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
  });

  it('Z-16: and marks a storage that says it holds 200 MB for 16 bytes', async () => {
    const zeros = new Uint8Array(200 * 1024 * 1024);
    const [data, , version] = torchRecords(stateDict());
    const file = await openBytes(buildZip([data, { name: 'model/data/0', data: zeros, deflate: true }, version]));
    assert.ok(file.warnings.some(({ code }) => code === 'E_PT_STORAGE_LONG'));
  });

  it('Z-20: lists 200,000 empty entries, and refuses 2,000,000 by their number', async () => {
    assert.equal((await rejection(emptyEntries(200_000))).code, 'E_PT_NO_PICKLE');
    const started = performance.now();
    const details = await rejection(emptyEntries(2_000_000));
    assert.equal(details.code, 'E_ZIP_DIRECTORY_LIMIT');
    assert.match(details.message, /2000000 entries; the limit is 1000000/);
    assert.ok(performance.now() - started < 2_000, `${performance.now() - started} ms`);
  });

  it('Z-32: opens a file of 60 GB by its directory and pickle', async () => {
    const source = hugeArchive();
    assert.ok(source.size > 55 * GiB);
    const file = await openFile(source, neverAborted);
    assert.deepEqual([file.tensors[0].name, file.tensors[0].tensor.problem, file.warnings], ['w', undefined, []]);
    assert.ok(source.bytesRead < 1_000_000, `${source.bytesRead} bytes read`);
  });

  it('Z-32: refuses an offset beyond every number', async () => {
    await assert.rejects(openFile(hugeArchive(2n ** 53n + 2n), neverAborted), (error: unknown) => {
      assert.ok(error instanceof QuantscopeError);
      return error.code === 'E_ZIP_DIRECTORY';
    });
  });
});
