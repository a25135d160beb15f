import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { type ByteSource, bytesSource } from '../../src/core/byteSource';
import { type PickleLimits, pickleLimits } from '../../src/formats/pickle/limits';
import { readPickle } from '../../src/formats/pickle/read';
import { openBarePickle } from '../../src/formats/torch/barePickle';
import { keyWarnings } from '../../src/formats/torch/keys';
import { readZip } from '../../src/formats/zip/read';
import { recoverEntries } from '../../src/formats/zip/recover';
import { openBytes } from '../support/fixtures';
import { codesOf } from '../support/hostile';
import { GiB, type Limit, MiB, ones, startsWith, testLimits } from '../support/limits';
import {
  global,
  ints,
  type Piece,
  pickle,
  proto2,
  reduce,
  stateDict,
  tensor,
  torchFile,
  torchRecords,
} from '../support/pickleBuilder';
import { sparseSource } from '../support/sparseSource';
import { buildZip, le, utf8 } from '../support/zipBuilder';

const smallPickle = (limits: Partial<PickleLimits>, ...body: readonly Piece[]) =>
  readPickle(pickle(...body, '.'), undefined, neverAborted, { limits: { ...pickleLimits, ...limits } });

/** An archive whose end records give these numbers, before which nothing but zeros stands. */
function directoryOf(count: number, size: number): ByteSource {
  const end = buildZip([], { zip64: { count: BigInt(count), size: BigInt(size), offset: 0n, locator: BigInt(size) } });
  return sparseSource([{ at: size, bytes: end }], size + end.length);
}

/** A deflated record of 64 KiB that says what it inflates to. */
const claims = (name: string, compressed: number, size: number) => ({
  name,
  data: new Uint8Array(compressed).fill(0xff),
  method: 8,
  size,
});

function exportedConfig(size: number): Promise<unknown> {
  const name = 'm/data/weights/model_weights_config.json';
  return openBytes(buildZip([{ name: 'm/archive_format', data: utf8('pt2') }, claims(name, 300_000, size)]));
}

function pickleOf(size: number, compressed = 2 ** 21): Promise<unknown> {
  return openBytes(buildZip([claims('model/data.pkl', compressed, size), ...torchRecords(stateDict()).slice(1)]));
}

/** Whole records without data and without a table. */
function records(count: number): ByteSource {
  const one = buildZip([{ name: 'r', data: new Uint8Array(0) }]).subarray(0, 31);
  const bytes = new Uint8Array(count * one.length);
  for (let at = 0; at < bytes.length; at += one.length) bytes.set(one, at);
  return bytesSource(bytes, 'model.pt');
}

/** Two records, of which the second starts here. */
function recordAt(offset: number): ByteSource {
  const header = buildZip([{ name: 'r', data: new Uint8Array(0), local: { size: 0 } }]).slice(0, 31);
  const first = header.slice();
  first.set(le(4, offset - 31), 18);
  return sparseSource(
    [
      { at: 0, bytes: first },
      { at: offset, bytes: header },
    ],
    offset + 31,
  );
}

/** Pickles in each other; the innermost one is counted. */
async function pickleInPickles(levels: number): Promise<string> {
  let inner = pickle(proto2, 'N.');
  for (let level = 0; level < levels; level++)
    inner = pickle(proto2, reduce(global('torch.storage', '_load_from_bytes'), ['B', le(4, inner.length), inner]), '.');
  const { warnings } = await openBytes(torchFile(inner));
  // That Python would load them is told as well.
  return warnings.map(({ code }) => code).find((code) => code !== 'E_PICKLE_DANGEROUS') ?? 'read';
}

const tensorAtDepth = async (depth: number) => {
  const data = pickle(proto2, ']'.repeat(depth), tensor(), 'a'.repeat(depth), '.');
  const file = await openBytes(torchFile(data));
  return file.tensors.length === 1 ? 'read' : codesOf(file).join();
};

async function torchRank(rank: number): Promise<string> {
  const value = tensor({ size: ints(...ones(rank)), stride: ints(...ones(rank)) });
  const file = await openBytes(torchFile(stateDict(['bad', value])));
  return codesOf(file).join() || 'read';
}

/** Of archives, of pickles, and of what PyTorch keeps in them. */
const limits: readonly Limit[] = [
  {
    what: 'bytes of an archive’s directory',
    most: 512 * MiB,
    read: (n) => readZip(directoryOf(1, n)),
    at: 'E_ZIP_DIRECTORY',
    beyond: 'E_ZIP_DIRECTORY_LIMIT',
  },
  {
    what: 'entries of an archive',
    most: 1_000_000,
    read: (n) => readZip(directoryOf(n, 46)),
    at: 'E_ZIP_DIRECTORY',
    beyond: 'E_ZIP_DIRECTORY_LIMIT',
  },
  {
    what: 'records of an archive without its table',
    most: 100_000,
    read: (n) => recoverEntries(records(n)),
    at: 'E_ZIP_TRUNCATED',
    beyond: 'E_ZIP_TRUNCATED,E_ZIP_DIRECTORY_LIMIT',
  },
  {
    what: 'bytes that are searched for them, the last header with them',
    most: GiB,
    read: (n) => recoverEntries(recordAt(n - 30)),
    at: 'E_ZIP_TRUNCATED',
    beyond: 'E_ZIP_TRUNCATED,E_ZIP_DIRECTORY_LIMIT',
  },
  {
    what: 'bytes of an inflated pickle',
    most: GiB,
    read: (n) => pickleOf(n),
    at: 'E_ZIP_INFLATE',
    beyond: 'E_ZIP_ENTRY_LIMIT',
  },
  {
    what: 'bytes that 1,000 may inflate to, and 1,024 for small entries',
    most: 1_032_000 + 1_024,
    read: (n) => pickleOf(n, 1_000),
    at: 'E_ZIP_INFLATE',
    beyond: 'E_ZIP_ENTRY_LIMIT',
  },
  {
    what: 'bytes of a bare pickle',
    most: GiB,
    read: (n) => openBarePickle(startsWith(pickle(proto2, 'N.'), n), neverAborted),
    at: 'E_PICKLE_TRAILING',
    beyond: 'E_PICKLE_TOO_BIG',
  },
  {
    what: 'opcodes',
    most: 64,
    read: (n) => smallPickle({ opcodes: 64 }, ...Array.from({ length: (n - 2) / 2 }, () => 'N0'), n % 2 ? 'NN0' : 'N'),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'values on the stack',
    most: 100,
    read: (n) => smallPickle({ stack: 100 }, 'N'.repeat(n)),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'values and marks on the stack',
    most: 100,
    read: (n) => smallPickle({ stack: 100 }, 'N', '('.repeat(n - 1), '1'.repeat(n - 1)),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'entries of the memo',
    most: 100,
    read: (n) => smallPickle({ memo: 100 }, 'N', ...Array.from({ length: n }, (_, i) => ['q', i])),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'entries of the memo, one of them stored again when it is full',
    most: 100,
    read: (n) => smallPickle({ memo: 100 }, 'N', ...Array.from({ length: n }, (_, i) => ['q', i]), 'q\0'),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'values that are used again',
    most: 100,
    read: (n) =>
      smallPickle(
        { memo: 100 },
        Array.from({ length: n }, () => ']2'),
      ),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'names that a pickle imports',
    most: 100,
    read: (n) =>
      smallPickle(
        { globals: 100 },
        Array.from({ length: n }, (_, i) => global('m', `n${i}`)),
      ),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'bytes of a whole number that is decoded',
    most: 64,
    read: (n) => {
      const { root } = readPickle(pickle(0x8a, n, new Uint8Array(n).fill(0x7f), '.'), undefined);
      return typeof root === 'bigint' ? 'read' : 'named';
    },
    at: 'read',
    beyond: 'named',
  },
  { what: 'pickles in a pickle', most: 3, read: pickleInPickles, at: 'read', beyond: 'E_PICKLE_UNJUDGED' },
  {
    what: 'keys of a dict that are compared',
    most: 100,
    read: (n) => ({
      warnings: keyWarnings(
        Array.from({ length: n }, (_, i) => [`k${i}`, null]),
        '',
        100,
      ),
    }),
    at: 'read',
    beyond: 'E_PT_LIMIT',
  },
  { what: 'levels of containers', most: 1_000, read: tensorAtDepth, at: 'read', beyond: 'E_PT_LIMIT' },
  {
    what: 'bytes of the description of exported weights',
    most: 256 * MiB,
    read: exportedConfig,
    at: 'E_ZIP_INFLATE',
    beyond: 'E_ZIP_ENTRY_LIMIT',
  },
  { what: 'dimensions in PyTorch', most: 64, read: torchRank, at: 'read', beyond: 'E_PT_RANK' },
];

describe('limits of what a file can ask for', function () {
  this.timeout(20_000);

  testLimits(limits);

  it('of the pickle machine are those of half a million tensors, and below what a Map holds', () => {
    assert.deepEqual(pickleLimits, { opcodes: 64_000_000, stack: 4_000_000, memo: 16_000_000, globals: 1_000_000 });
    assert.ok(pickleLimits.memo < 2 ** 24);
  });
});
