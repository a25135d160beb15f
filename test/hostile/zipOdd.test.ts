import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { noProgress } from '../../src/core/progress';
import { openBytes, readFixture } from '../support/fixtures';
import { tensorRejection } from '../support/hostile';
import {
  changedRecord,
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
import { buildZip, concat, type EntrySpec, utf8 } from '../support/zipBuilder';

const sound = stateDict();
const records = torchRecords(sound);

interface Odd {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Of the warnings that it opens with. */
  readonly codes?: readonly string[];
}

describe('archives that are odd but readable', () => {
  const evil = pickle(proto2, reduce(global('posix', 'system'), text('true')), '.');
  const cases: readonly Odd[] = [
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
    { name: 'a compressed data.pkl', bytes: changedRecord(0, { deflate: true }) },
    { name: 'no folder at all', bytes: buildZip(records.map((r) => ({ ...r, name: r.name.slice('model/'.length) }))) },
    { name: 'version before data.pkl', bytes: buildZip([...records].reverse()) },
    { name: 'another local name', bytes: changedRecord(1, { localName: 'model/data/7' }) },
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
    { name: 'a wrong CRC of data.pkl', bytes: changedRecord(0, { crc: 0x12345678 }), codes: ['E_ZIP_CRC'] },
    {
      name: 'another local name of data.pkl',
      bytes: changedRecord(0, { localName: 'model/dXta.pkl' }),
      codes: ['E_ZIP_LOCAL'],
    },
    { name: 'a local method of data.pkl', bytes: changedRecord(0, { local: { method: 8 } }), codes: ['E_ZIP_LOCAL'] },
    { name: 'a local CRC of data.pkl', bytes: changedRecord(0, { local: { crc: 7 } }), codes: ['E_ZIP_LOCAL'] },
    { name: 'a local size of data.pkl', bytes: changedRecord(0, { local: { size: 7 } }), codes: ['E_ZIP_LOCAL'] },
    {
      name: 'encryption in the local header alone',
      bytes: changedRecord(0, { local: { flags: 1 } }),
      codes: ['E_ZIP_LOCAL'],
    },
    {
      name: 'a patch flag in the local header alone',
      bytes: changedRecord(0, { local: { flags: 0x20 } }),
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
      bytes: changedRecord(1, { data: new Uint8Array(32) }),
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
