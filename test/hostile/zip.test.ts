import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { openBytes, readFixture } from '../support/fixtures';
import { exercise, rejection, tensorRejection } from '../support/hostile';
import { changedRecord, fourFloats, stateDict, torchFile, torchRecords } from '../support/pickleBuilder';
import { buildZip, concat, type EntrySpec, le, utf8 } from '../support/zipBuilder';

const sound = stateDict();
const records = torchRecords(sound);

interface Case {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly code: string;
  /** Of the file, or of the entry whose content is to blame. */
  readonly offset: number;
}

/** The sound file: data.pkl, data/0, version, then the directory and its end. */
const [, storageAt, versionAt, directoryAt] = places(records);
const central = (index: number) => 46 + records[index].name.length;
const endAt = directoryAt + central(0) + central(1) + central(2);
const zip64Bytes = 76;

/** Where each record starts, and where the last one ends. */
function places(list: readonly EntrySpec[]): number[] {
  const at = [0];
  for (const { name, data } of list) at.push(at[at.length - 1] + 30 + name.length + data.length);
  return at;
}

/** Where the pickle names its one storage. */
const binpersid = Buffer.from(sound).indexOf('tQ') + 1;

const hugeZip64 = (value: bigint) => concat(le(2, 1), le(2, 8), le(8, value));

const refused: readonly Case[] = [
  {
    name: 'no data.pkl',
    bytes: buildZip([{ name: 'word/document.xml', data: utf8('<x/>') }]),
    code: 'E_PT_NO_PICKLE',
    offset: 0,
  },
  {
    name: 'data.pkl two folders down',
    bytes: buildZip([{ name: 'a/b/data.pkl', data: sound }]),
    code: 'E_PT_NO_PICKLE',
    offset: 0,
  },
  { name: 'no version', bytes: buildZip(records.slice(0, 2)), code: 'E_PT_VERSION', offset: 0 },
  {
    name: 'a version that is no number',
    bytes: changedRecord(2, { data: utf8('abc') }),
    code: 'E_PT_VERSION',
    offset: 0,
  },
  {
    name: 'a version of the future',
    bytes: changedRecord(2, { data: utf8('99999') }),
    code: 'E_PT_VERSION',
    offset: 0,
  },
  {
    name: 'a version of 10 KB',
    bytes: changedRecord(2, { data: new Uint8Array(10_000).fill(0x33) }),
    code: 'E_ZIP_ENTRY_LIMIT',
    offset: versionAt,
  },
  {
    name: 'a byte order between little and big',
    bytes: torchFile(sound, [{ name: 'model/byteorder', data: utf8('middle') }]),
    code: 'E_PT_BYTEORDER',
    offset: 0,
  },
  {
    name: 'a data.pkl that its CRC says is damaged, and that makes no sense',
    bytes: changedRecord(0, { data: utf8('\x80\x02nonsense'), crc: 0x12345678 }),
    code: 'E_ZIP_CRC',
    offset: 0,
  },
  { name: 'an encrypted data.pkl', bytes: changedRecord(0, { flags: 1 }), code: 'E_ZIP_ENCRYPTED', offset: 0 },
  { name: 'strong encryption', bytes: changedRecord(0, { flags: 0x41 }), code: 'E_ZIP_ENCRYPTED', offset: 0 },
  ...[12, 14, 93, 95, 99].map((method) => ({
    name: `compression method ${method}`,
    bytes: changedRecord(0, { method }),
    code: 'E_ZIP_METHOD',
    offset: 0,
  })),
  {
    name: 'a stored record of two sizes',
    bytes: changedRecord(0, { size: sound.length + 1 }),
    code: 'E_ZIP_STORED_SIZE',
    offset: 0,
  },
  {
    name: 'data.pkl that is no deflate stream',
    bytes: changedRecord(0, { method: 8 }),
    code: 'E_ZIP_INFLATE',
    offset: 0,
  },
  {
    name: 'data.pkl that inflates to more than it says',
    bytes: changedRecord(0, { deflate: true, size: 10 }),
    code: 'E_ZIP_INFLATE',
    offset: 0,
  },
  {
    name: 'data.pkl that inflates to less than it says',
    bytes: changedRecord(0, { deflate: true, size: 5000 }),
    code: 'E_ZIP_INFLATE',
    offset: 0,
  },
  {
    name: 'data.pkl that says it inflates a millionfold',
    bytes: changedRecord(0, { deflate: true, size: 0x7fffffff }),
    code: 'E_ZIP_ENTRY_LIMIT',
    offset: 0,
  },
  {
    name: 'a local header of another kind',
    bytes: changedRecord(2, { localSignature: 0x04034b51 }),
    code: 'E_ZIP_LOCAL_HEADER',
    offset: versionAt,
  },
  {
    name: 'a record that runs into the directory',
    bytes: changedRecord(2, { size: 3, compressedSize: 3 }),
    code: 'E_ZIP_CRC',
    offset: versionAt,
  },
  {
    name: 'a record that runs past the directory',
    bytes: changedRecord(2, { size: 5000, compressedSize: 5000 }),
    code: 'E_ZIP_ENTRY_RANGE',
    offset: versionAt,
  },
  {
    name: 'an offset past the file',
    bytes: changedRecord(1, { offset: 0x7fffffff }),
    code: 'E_ZIP_ENTRY_RANGE',
    offset: changedRecord(1, { offset: 0x7fffffff }).length,
  },
  {
    name: 'sizes in a zip64 field that is missing',
    bytes: changedRecord(1, { size: 0xffffffff, compressedSize: 0xffffffff }),
    code: 'E_ZIP_ENTRY_RANGE',
    offset: storageAt,
  },
  {
    name: 'a zip64 size of 2^60',
    bytes: changedRecord(1, { compressedSize: 0xffffffff, extra: hugeZip64(2n ** 60n) }),
    code: 'E_ZIP_DIRECTORY',
    offset: directoryAt + central(0),
  },
  {
    name: 'a zip64 size of 2^40',
    bytes: changedRecord(1, { compressedSize: 0xffffffff, extra: hugeZip64(2n ** 40n) }),
    code: 'E_ZIP_ENTRY_RANGE',
    offset: storageAt,
  },
  {
    name: 'an extra field longer than its room',
    bytes: changedRecord(1, { compressedSize: 0xffffffff, extra: concat(le(2, 1), le(2, 800), le(8, 16)) }),
    code: 'E_ZIP_ENTRY_RANGE',
    offset: storageAt,
  },
  {
    name: 'a directory outside the file',
    bytes: buildZip(records, { directoryOffset: 0x7fffffff }),
    code: 'E_ZIP_DIRECTORY',
    offset: endAt,
  },
  {
    name: 'a directory of 2 GB',
    bytes: buildZip(records, { directorySize: 0x7fffffff }),
    code: 'E_ZIP_DIRECTORY',
    offset: endAt,
  },
  {
    name: 'a directory one byte short',
    bytes: buildZip(records, { directorySize: 1 }),
    code: 'E_ZIP_DIRECTORY',
    offset: directoryAt,
  },
  {
    name: 'a directory over the data',
    bytes: buildZip(records, { directoryOffset: 0 }),
    code: 'E_ZIP_DIRECTORY',
    offset: 0,
  },
  {
    name: 'one entry too many in the count',
    bytes: buildZip(records, { count: 4 }),
    code: 'E_ZIP_DIRECTORY',
    offset: endAt,
  },
  {
    name: 'one entry too few in the count',
    bytes: buildZip(records, { count: 2 }),
    code: 'E_ZIP_DIRECTORY',
    offset: endAt,
  },
  { name: 'several disks', bytes: buildZip(records, { disk: 1 }), code: 'E_ZIP_MULTI_DISK', offset: endAt },
  {
    name: 'a zip64 record of 2^40 entries',
    bytes: buildZip(records, { zip64: { count: 2n ** 40n } }),
    code: 'E_ZIP_DIRECTORY_LIMIT',
    offset: endAt,
  },
  {
    name: 'a zip64 directory of 2^64 - 16 bytes',
    bytes: buildZip(records, { zip64: { size: 2n ** 64n - 16n } }),
    code: 'E_ZIP_DIRECTORY',
    offset: endAt,
  },
  {
    name: 'a zip64 directory of 2^50 bytes',
    bytes: buildZip(records, { zip64: { size: 2n ** 50n } }),
    code: 'E_ZIP_DIRECTORY',
    offset: endAt + zip64Bytes,
  },
  {
    name: 'a zip64 directory past the file',
    bytes: buildZip(records, { zip64: { offset: 2n ** 40n } }),
    code: 'E_ZIP_DIRECTORY',
    offset: endAt + zip64Bytes,
  },
];

describe('archives that cannot be read', () => {
  for (const { name, bytes, code, offset } of refused) {
    it(`refuses ${name} with ${code} at byte ${offset}`, async () => {
      const details = await rejection(bytes);
      assert.deepEqual([details.code, details.where?.offset], [code, offset]);
    });
  }

  it('says which checksum was expected and where', async () => {
    const details = await tensorRejection(await openBytes(changedRecord(1, { crc: 0x12345678, deflate: true })), 'w');
    assert.equal(details.where?.entry, 'model/data/0');
    assert.equal(details.expected, '0x12345678');
    assert.equal(details.found, `0x${crc32(fourFloats).toString(16).padStart(8, '0')}`);
  });
});

describe('a storage that cannot be read', () => {
  const cases: readonly Case[] = [
    { name: 'is encrypted', bytes: changedRecord(1, { flags: 1 }), code: 'E_ZIP_ENCRYPTED', offset: storageAt },
    {
      name: 'is compressed by a rare method',
      bytes: changedRecord(1, { method: 93 }),
      code: 'E_ZIP_METHOD',
      offset: storageAt,
    },
    {
      name: 'has a broken local header',
      bytes: changedRecord(1, { localSignature: 0 }),
      code: 'E_ZIP_LOCAL_HEADER',
      offset: storageAt,
    },
    {
      name: 'inflates to more than it says',
      bytes: changedRecord(1, { deflate: true, data: new Uint8Array(1 << 20), size: 16 }),
      code: 'E_ZIP_INFLATE',
      offset: storageAt,
    },
    {
      name: 'is compressed and has a wrong CRC',
      bytes: changedRecord(1, { deflate: true, crc: 1 }),
      code: 'E_ZIP_CRC',
      offset: storageAt,
    },
    { name: 'is missing', bytes: buildZip([records[0], records[2]]), code: 'E_PT_STORAGE_MISSING', offset: binpersid },
  ];
  for (const { name, bytes, code, offset } of cases) {
    it(`leaves the file open when it ${name}`, async () => {
      const details = await tensorRejection(await openBytes(bytes), 'w');
      assert.deepEqual([details.code, details.where?.offset], [code, offset]);
    });
  }
});

describe('every field of an archive set to every awkward value', () => {
  const awkward = [0, 1, 2, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
  for (const fixture of ['recipe_lstm.pt', 'mlp.qnnpack.quantized.pt']) {
    it(`ends in an answer or a refusal for ${fixture}`, async () => {
      const bytes = await readFixture('torch-2.13', fixture);
      const directory = new DataView(bytes.buffer).getUint32(bytes.length - 6, true);
      for (let at = directory; at < bytes.length; at++) {
        const width = bytes.length - at >= 4 ? 4 : 1;
        const value = awkward[at % awkward.length];
        const broken = bytes.slice();
        broken.set(le(width, value), at);
        await exercise(broken);
      }
    });
  }
});
