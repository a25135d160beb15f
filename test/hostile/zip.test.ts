import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { neverAborted } from '../../src/core/abort';
import { noProgress } from '../../src/core/progress';
import { openBytes, readFixture } from '../support/fixtures';
import { exercise, rejection, tensorRejection } from '../support/hostile';
import {
  fourFloats,
  global,
  pickle,
  proto2,
  reduce,
  stateDict,
  tensor,
  text,
  torchFile,
  torchRecords,
} from '../support/pickleBuilder';
import { buildZip, concat, type EndSpec, type EntrySpec, le, utf8 } from '../support/zipBuilder';

const sound = stateDict();
const records = torchRecords(sound);

/** The sound file with one record changed. */
function changed(index: number, change: Partial<EntrySpec>, end?: EndSpec): Uint8Array {
  return buildZip(
    records.map((record, i) => (i === index ? { ...record, ...change } : record)),
    end,
  );
}

interface Case {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly code: string;
}

const hugeZip64 = (value: bigint) => concat(le(2, 1), le(2, 8), le(8, value));

const refused: readonly Case[] = [
  { name: 'no data.pkl', bytes: buildZip([{ name: 'word/document.xml', data: utf8('<x/>') }]), code: 'E_PT_NO_PICKLE' },
  {
    name: 'data.pkl two folders down',
    bytes: buildZip([{ name: 'a/b/data.pkl', data: sound }]),
    code: 'E_PT_NO_PICKLE',
  },
  { name: 'no version', bytes: buildZip(records.slice(0, 2)), code: 'E_PT_VERSION' },
  { name: 'a version that is no number', bytes: changed(2, { data: utf8('abc') }), code: 'E_PT_VERSION' },
  { name: 'a version of the future', bytes: changed(2, { data: utf8('99999') }), code: 'E_PT_VERSION' },
  {
    name: 'a version of 10 KB',
    bytes: changed(2, { data: new Uint8Array(10_000).fill(0x33) }),
    code: 'E_ZIP_ENTRY_LIMIT',
  },
  {
    name: 'a byte order between little and big',
    bytes: torchFile(sound, [{ name: 'model/byteorder', data: utf8('middle') }]),
    code: 'E_PT_BYTEORDER',
  },
  {
    name: 'a data.pkl that its CRC says is damaged, and that makes no sense',
    bytes: changed(0, { data: utf8('\x80\x02nonsense'), crc: 0x12345678 }),
    code: 'E_ZIP_CRC',
  },
  { name: 'an encrypted data.pkl', bytes: changed(0, { flags: 1 }), code: 'E_ZIP_ENCRYPTED' },
  { name: 'strong encryption', bytes: changed(0, { flags: 0x41 }), code: 'E_ZIP_ENCRYPTED' },
  ...[12, 14, 93, 95, 99].map((method) => ({
    name: `compression method ${method}`,
    bytes: changed(0, { method }),
    code: 'E_ZIP_METHOD',
  })),
  { name: 'a stored record of two sizes', bytes: changed(0, { size: sound.length + 1 }), code: 'E_ZIP_STORED_SIZE' },
  { name: 'data.pkl that is no deflate stream', bytes: changed(0, { method: 8 }), code: 'E_ZIP_INFLATE' },
  {
    name: 'data.pkl that inflates to more than it says',
    bytes: changed(0, { deflate: true, size: 10 }),
    code: 'E_ZIP_INFLATE',
  },
  {
    name: 'data.pkl that inflates to less than it says',
    bytes: changed(0, { deflate: true, size: 5000 }),
    code: 'E_ZIP_INFLATE',
  },
  {
    name: 'data.pkl that says it inflates a millionfold',
    bytes: changed(0, { deflate: true, size: 0x7fffffff }),
    code: 'E_ZIP_ENTRY_LIMIT',
  },
  {
    name: 'a local header of another kind',
    bytes: changed(2, { localSignature: 0x04034b51 }),
    code: 'E_ZIP_LOCAL_HEADER',
  },
  {
    name: 'a record that runs into the directory',
    bytes: changed(2, { size: 3, compressedSize: 3 }),
    code: 'E_ZIP_CRC',
  },
  {
    name: 'a record that runs past the directory',
    bytes: changed(2, { size: 5000, compressedSize: 5000 }),
    code: 'E_ZIP_ENTRY_RANGE',
  },
  { name: 'an offset past the file', bytes: changed(1, { offset: 0x7fffffff }), code: 'E_ZIP_ENTRY_RANGE' },
  {
    name: 'sizes in a zip64 field that is missing',
    bytes: changed(1, { size: 0xffffffff, compressedSize: 0xffffffff }),
    code: 'E_ZIP_ENTRY_RANGE',
  },
  {
    name: 'a zip64 size of 2^60',
    bytes: changed(1, { compressedSize: 0xffffffff, extra: hugeZip64(2n ** 60n) }),
    code: 'E_ZIP_DIRECTORY',
  },
  {
    name: 'a zip64 size of 2^40',
    bytes: changed(1, { compressedSize: 0xffffffff, extra: hugeZip64(2n ** 40n) }),
    code: 'E_ZIP_ENTRY_RANGE',
  },
  {
    name: 'an extra field longer than its room',
    bytes: changed(1, { compressedSize: 0xffffffff, extra: concat(le(2, 1), le(2, 800), le(8, 16)) }),
    code: 'E_ZIP_ENTRY_RANGE',
  },
  {
    name: 'a directory outside the file',
    bytes: buildZip(records, { directoryOffset: 0x7fffffff }),
    code: 'E_ZIP_DIRECTORY',
  },
  { name: 'a directory of 2 GB', bytes: buildZip(records, { directorySize: 0x7fffffff }), code: 'E_ZIP_DIRECTORY' },
  { name: 'a directory one byte short', bytes: buildZip(records, { directorySize: 1 }), code: 'E_ZIP_DIRECTORY' },
  { name: 'a directory over the data', bytes: buildZip(records, { directoryOffset: 0 }), code: 'E_ZIP_DIRECTORY' },
  { name: 'one entry too many in the count', bytes: buildZip(records, { count: 4 }), code: 'E_ZIP_DIRECTORY' },
  { name: 'one entry too few in the count', bytes: buildZip(records, { count: 2 }), code: 'E_ZIP_DIRECTORY' },
  { name: 'several disks', bytes: buildZip(records, { disk: 1 }), code: 'E_ZIP_MULTI_DISK' },
  {
    name: 'a zip64 record of 2^40 entries',
    bytes: buildZip(records, { zip64: { count: 2n ** 40n } }),
    code: 'E_ZIP_DIRECTORY_LIMIT',
  },
  {
    name: 'a zip64 directory of 2^64 - 16 bytes',
    bytes: buildZip(records, { zip64: { size: 2n ** 64n - 16n } }),
    code: 'E_ZIP_DIRECTORY',
  },
  {
    name: 'a zip64 directory of 2^50 bytes',
    bytes: buildZip(records, { zip64: { size: 2n ** 50n } }),
    code: 'E_ZIP_DIRECTORY',
  },
  {
    name: 'a zip64 directory past the file',
    bytes: buildZip(records, { zip64: { offset: 2n ** 40n } }),
    code: 'E_ZIP_DIRECTORY',
  },
];

describe('archives that cannot be read', () => {
  for (const { name, bytes, code } of refused) {
    it(`refuses ${name} with ${code}`, async () => assert.equal((await rejection(bytes)).code, code));
  }

  it('says which checksum was expected and where', async () => {
    const details = await tensorRejection(await openBytes(changed(1, { crc: 0x12345678, deflate: true })), 'w');
    assert.equal(details.where?.entry, 'model/data/0');
    assert.equal(details.expected, '0x12345678');
    assert.equal(details.found, `0x${crc32(fourFloats).toString(16).padStart(8, '0')}`);
  });
});

describe('archives that are odd but readable', () => {
  const evil = pickle(proto2, reduce(global('posix', 'system'), text('true')), '.');
  const cases: readonly (Omit<Case, 'code'> & { readonly codes?: readonly string[] })[] = [
    { name: 'a comment at the end', bytes: buildZip(records, { comment: utf8('made by hand') }) },
    { name: 'a zip64 end record', bytes: buildZip(records, { zip64: {} }) },
    {
      name: 'a zip64 locator that points nowhere',
      bytes: buildZip(records, { zip64: { locator: 2n ** 40n } }),
      codes: ['E_ZIP64_LOCATOR'],
    },
    {
      name: 'a count of 16 bits that the zip64 record corrects',
      bytes: buildZip(records, { zip64: {}, count: 1 }),
      codes: ['E_ZIP_COUNT'],
    },
    { name: 'a compressed data.pkl', bytes: changed(0, { deflate: true }) },
    { name: 'no folder at all', bytes: buildZip(records.map((r) => ({ ...r, name: r.name.slice('model/'.length) }))) },
    { name: 'version before data.pkl', bytes: buildZip([...records].reverse()) },
    { name: 'another local name', bytes: changed(1, { localName: 'model/data/7' }) },
    {
      name: 'a second data.pkl',
      bytes: torchFile(sound, [{ name: 'model/data.pkl', data: stateDict(['extra', text('x')]) }]),
      codes: ['E_ZIP_DUP_NAME', 'E_PT_TWO_PICKLES'],
    },
    {
      name: 'a DATA.PKL beside data.pkl',
      bytes: torchFile(sound, [{ name: 'model/DATA.PKL', data: sound }]),
      codes: ['E_ZIP_NAME_CASE', 'E_PT_TWO_PICKLES'],
    },
    {
      name: 'two names for the same bytes',
      bytes: torchFile(sound, [{ ...records[1], name: 'model/data/1', offset: 0 }]),
      codes: ['E_ZIP_OVERLAP'],
    },
    {
      name: '200 bytes after the end',
      bytes: concat(torchFile(sound), new Uint8Array(200)),
      codes: ['E_ZIP_TRAILING'],
    },
    {
      name: 'names that no file system should see',
      bytes: torchFile(
        sound,
        [
          '../../etc/passwd',
          '/etc/passwd',
          'C:\\x',
          '__proto__',
          'constructor',
          'a\u202eb',
          '\0',
          'x'.repeat(65_535),
        ].map((name) => ({ name, data: new Uint8Array(0) })),
      ),
      codes: ['E_ZIP_NAME'],
    },
    { name: 'a wrong CRC of data.pkl', bytes: changed(0, { crc: 0x12345678 }), codes: ['E_ZIP_CRC'] },
    {
      name: 'another local name of data.pkl',
      bytes: changed(0, { localName: 'model/dXta.pkl' }),
      codes: ['E_ZIP_LOCAL'],
    },
    { name: 'a local method of data.pkl', bytes: changed(0, { local: { method: 8 } }), codes: ['E_ZIP_LOCAL'] },
    { name: 'a local CRC of data.pkl', bytes: changed(0, { local: { crc: 7 } }), codes: ['E_ZIP_LOCAL'] },
    { name: 'a local size of data.pkl', bytes: changed(0, { local: { size: 7 } }), codes: ['E_ZIP_LOCAL'] },
    {
      name: 'encryption in the local header alone',
      bytes: changed(0, { local: { flags: 1 } }),
      codes: ['E_ZIP_LOCAL'],
    },
    {
      name: 'a patch flag in the local header alone',
      bytes: changed(0, { local: { flags: 0x20 } }),
      codes: ['E_ZIP_LOCAL'],
    },
    {
      name: '70 KB of junk after the end',
      bytes: concat(torchFile(sound), new Uint8Array(70_000)),
      codes: ['E_ZIP_TRUNCATED', 'E_PT_RECOVERED'],
    },
    {
      name: 'two folders with a data.pkl',
      bytes: torchFile(sound, [{ name: 'zzz/data.pkl', data: sound }]),
      codes: ['E_PT_TWO_ROOTS'],
    },
    {
      name: 'native code',
      bytes: torchFile(sound, [{ name: 'model/extra/plugin.so', data: utf8('ELF') }]),
      codes: ['E_PT_NATIVE_CODE'],
    },
    ...['-5', '0', 'x', String(2n ** 63n)].map((text) => ({
      name: `a storage alignment of ${text}`,
      bytes: torchFile(sound, [{ name: 'model/.storage_alignment', data: utf8(text) }]),
      codes: ['E_PT_ALIGNMENT'],
    })),
    {
      name: 'a storage that is longer than the pickle says',
      bytes: changed(1, { data: new Uint8Array(32) }),
      codes: ['E_PT_STORAGE_LONG'],
    },
  ];
  for (const { name, bytes, codes = [] } of cases) {
    it(`opens ${name}${codes.length === 0 ? '' : ` and warns with ${codes.join(' and ')}`}`, async () => {
      const file = await openBytes(bytes);
      assert.deepEqual(file.tensors[0].tensor.shape, [2, 2]);
      assert.equal((await file.readTensor(file.tensors[0].tensor, neverAborted)).length, 16);
      assert.deepEqual([...new Set(file.warnings.map((warning) => warning.code))], codes);
    });
  }

  it('takes the first of two data.pkl, as PyTorch does', async () => {
    const two = torchFile(sound, [{ name: 'model/data.pkl', data: stateDict(['extra', text('x')]) }]);
    assert.deepEqual({ ...(await openBytes(two)).metadata }, {});
  });

  it('judges a second data.pkl too, which other tools would load', async () => {
    const file = await openBytes(torchFile(sound, [{ name: 'model/data.pkl', data: evil }]));
    assert.equal(file.safety.verdict, 'dangerous');
    assert.ok(
      file.warnings.some(({ code, message }) => code === 'E_PICKLE_DANGEROUS' && message.includes('os.system')),
    );
  });

  it('keeps the number of warnings small, whatever the archive repeats', async () => {
    const many = Array.from({ length: 5000 }, (): EntrySpec => ({ name: 'model/x', data: new Uint8Array(0) }));
    const file = await openBytes(torchFile(sound, many));
    assert.ok(file.warnings.length <= 101, `${file.warnings.length} warnings`);
  });
});

describe('a storage that cannot be read', () => {
  const cases: readonly Case[] = [
    { name: 'is encrypted', bytes: changed(1, { flags: 1 }), code: 'E_ZIP_ENCRYPTED' },
    { name: 'is compressed by a rare method', bytes: changed(1, { method: 93 }), code: 'E_ZIP_METHOD' },
    { name: 'has a broken local header', bytes: changed(1, { localSignature: 0 }), code: 'E_ZIP_LOCAL_HEADER' },
    {
      name: 'inflates to more than it says',
      bytes: changed(1, { deflate: true, data: new Uint8Array(1 << 20), size: 16 }),
      code: 'E_ZIP_INFLATE',
    },
    { name: 'is compressed and has a wrong CRC', bytes: changed(1, { deflate: true, crc: 1 }), code: 'E_ZIP_CRC' },
    { name: 'is missing', bytes: buildZip([records[0], records[2]]), code: 'E_PT_STORAGE_MISSING' },
  ];
  for (const { name, bytes, code } of cases) {
    it(`leaves the file open when it ${name}`, async () => {
      const details = await tensorRejection(await openBytes(bytes), 'w');
      assert.equal(details.code, code);
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

describe('two readings of one archive', () => {
  const other = stateDict(['extra', text('x')], ['second', tensor()]);

  it('are both described when two entries are named data.pkl', async () => {
    const file = await openBytes(torchFile(sound, [{ name: 'model/data.pkl', data: other }]));
    const message = file.warnings.find(({ code }) => code === 'E_PT_TWO_PICKLES')?.message;
    assert.match(message ?? '', /PyTorch loads the data\.pkl at byte 0 with 1 tensors/);
    assert.match(message ?? '', /the one at byte \d+ with 2 tensors \("w", "second"\)/);
  });

  it('take the entry that PyTorch takes: the order of miniz, measured with PyTorch 2.13', async () => {
    const first: EntrySpec = { name: 'model/data.pkl', data: sound };
    const second: EntrySpec = { name: 'model/data.pkl', data: other };
    const [, storageRecord, version] = records;
    const apart = await openBytes(buildZip([first, storageRecord, version, second]));
    assert.deepEqual(
      apart.tensors.map(({ name }) => name),
      ['w'],
    );
    const adjacent = await openBytes(buildZip([first, second, storageRecord, version]));
    assert.deepEqual(
      adjacent.tensors.map(({ name }) => name),
      ['w', 'second'],
    );
  });

  it('are told of when two archives stand one after the other', async () => {
    const joined = concat(torchFile(sound), torchFile(sound));
    const { warnings } = await openBytes(joined);
    assert.ok(warnings.some(({ code }) => code === 'E_ZIP_TWO_EOCD'));
  });
});

describe('a file that was cut', () => {
  it('opens as far as it goes, at each sixty-fourth of it', async () => {
    const whole = await readFixture('torch-2.13', 'mlp.pt');
    const outcomes: string[] = [];
    for (let part = 1; part < 64; part++) {
      const bytes = whole.subarray(0, Math.floor((whole.length * part) / 64));
      const outcome = await openBytes(bytes).then(
        (file) => file.warnings.find(({ code }) => code === 'E_PT_RECOVERED')?.message ?? 'whole',
        ({ code }: { code: string }) => code,
      );
      if (outcomes.at(-1) !== outcome) outcomes.push(outcome);
    }
    assert.deepEqual(outcomes, [
      'E_ZIP_TRUNCATED',
      '0 of 4 storages are present.',
      '1 of 4 storages are present.',
      '2 of 4 storages are present.',
      '3 of 4 storages are present.',
      '4 of 4 storages are present.',
    ]);
  });

  it('reads the tensors whose storages are whole, and says which are not', async () => {
    const whole = await readFixture('torch-2.13', 'mlp.pt');
    const file = await openBytes(whole.subarray(0, whole.length >> 1));
    assert.equal(file.tensors.length, 4);
    const codes = await Promise.all(
      file.tensors.map(async ({ name, tensor: record }) =>
        record.problem === undefined ? 'read' : (await tensorRejection(file, name)).code,
      ),
    );
    assert.deepEqual([...new Set(codes)].sort(), ['E_PT_STORAGE_MISSING', ...(codes.includes('read') ? ['read'] : [])]);
    assert.ok(codes.includes('E_PT_STORAGE_MISSING'));
  });
});

describe('verifying an archive', () => {
  it('finds every single bit that flips in a storage', async () => {
    const whole = torchFile(sound);
    const at = Buffer.from(whole).indexOf(fourFloats);
    for (let bit = 0; bit < fourFloats.length * 8; bit++) {
      const bytes = whole.slice();
      bytes[at + (bit >> 3)] ^= 1 << (bit & 7);
      const report = await (await openBytes(bytes)).verify?.(neverAborted, noProgress);
      assert.deepEqual(
        report?.problems.map(({ entry, code }) => [entry, code]),
        [['model/data/0', 'E_ZIP_CRC']],
        `bit ${bit}`,
      );
    }
  });

  it('finds nothing in what PyTorch wrote', async () => {
    for (const name of ['mlp.pt', 'recipe_lstm.script.pt', 'mlp.fbgemm.quantized_module.pt']) {
      const report = await (await openBytes(await readFixture('torch-2.13', name))).verify?.(neverAborted, noProgress);
      assert.deepEqual(report?.problems, [], name);
      assert.ok((report?.records ?? 0) > 5);
    }
  });
});
