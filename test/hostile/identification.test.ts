import assert from 'node:assert/strict';
import { deflateSync, gzipSync } from 'node:zlib';
import { neverAborted } from '../../src/core/abort';
import type { ByteSource } from '../../src/core/byteSource';
import { QuantscopeError } from '../../src/core/errors';
import { formats, openFile } from '../../src/formats/registry';
import { openBytes, readFixture } from '../support/fixtures';
import { rejection } from '../support/hostile';
import { npy } from '../support/npyBuilder';
import { pickle } from '../support/pickleBuilder';
import { buildZip, concat, le, utf8 } from '../support/zipBuilder';

const oid = `sha256:${'ab'.repeat(32)}`;
const pointer = `version https://git-lfs.github.com/spec/v1\noid ${oid}\nsize 1121055\n`;
const legacyMagic = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

interface Case {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly code: string;
}

const cases: readonly Case[] = [
  { name: 'nothing', bytes: new Uint8Array(0), code: 'E_EMPTY' },
  { name: 'plain text', bytes: utf8('see the readme\n'), code: 'E_TEXT' },
  { name: 'Korean text', bytes: utf8('모델이 아닙니다\n'), code: 'E_TEXT' },
  { name: 'much Korean text', bytes: utf8('모델'.repeat(5000)), code: 'E_TEXT' },
  { name: 'an HTML page', bytes: utf8('<!DOCTYPE html>\n<html><body>404'), code: 'E_WEB_PAGE' },
  { name: 'an HTML page after a BOM', bytes: utf8('\ufeff<html>'), code: 'E_WEB_PAGE' },
  { name: 'an XML error', bytes: utf8('<?xml version="1.0"?><Error/>'), code: 'E_WEB_PAGE' },
  { name: 'a JSON error', bytes: utf8('{"error": "not found"}'), code: 'E_JSON' },
  { name: 'JSON whose ninth byte opens an object', bytes: utf8('{"data": {"x": 1}}'), code: 'E_JSON' },
  { name: 'indented JSON', bytes: utf8('{\n  "a": {"b": 1}\n}'), code: 'E_JSON' },
  { name: 'a Git LFS pointer', bytes: utf8(pointer), code: 'E_LFS_POINTER' },
  { name: 'gzip', bytes: new Uint8Array(gzipSync('model')), code: 'E_COMPRESSED' },
  { name: 'zlib', bytes: new Uint8Array(deflateSync('model')), code: 'E_COMPRESSED' },
  { name: 'zstd', bytes: Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0), code: 'E_COMPRESSED' },
  { name: 'xz', bytes: Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), code: 'E_COMPRESSED' },
  { name: 'bzip2', bytes: utf8('BZh91AY'), code: 'E_COMPRESSED' },
  { name: '7-Zip', bytes: Uint8Array.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c), code: 'E_COMPRESSED' },
  { name: 'a tar archive', bytes: concat(new Uint8Array(257).fill(0x61), utf8('ustar')), code: 'E_TAR' },
  { name: 'an empty archive', bytes: buildZip([]), code: 'E_ZIP_EMPTY' },
  { name: 'GGUF', bytes: concat(utf8('GGUF'), le(4, 3), le(8, 0)), code: 'E_GGUF_TRUNCATED' },
  { name: 'HDF5', bytes: Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a), code: 'E_HDF5' },
  {
    name: 'the first pickle of PyTorch before 1.6 and nothing else',
    bytes: pickle(0x80, 2, 0x8a, 10, ...legacyMagic, '.'),
    code: 'E_PICKLE_TRUNCATED',
  },
  { name: 'a bare pickle that ends too soon', bytes: pickle(0x80, 2, '}'), code: 'E_PICKLE_TRUNCATED' },
  { name: 'zeros', bytes: new Uint8Array(5000), code: 'E_UNKNOWN_FORMAT' },
  { name: 'the first byte of an archive', bytes: utf8('P'), code: 'E_TRUNCATED' },
  { name: 'the first three bytes of an archive', bytes: Uint8Array.of(0x50, 0x4b, 3), code: 'E_TRUNCATED' },
  { name: 'only the magic of an archive', bytes: Uint8Array.of(0x50, 0x4b, 3, 4), code: 'E_ZIP_TRUNCATED' },
];

describe('files that are named model.pt but hold something else', () => {
  for (const { name, bytes, code } of cases) {
    it(`says ${code} for ${name}`, async () => {
      const details = await rejection(bytes);
      assert.equal(details.code, code);
      assert.ok(details.hint, 'a person needs to know what to do next');
    });
  }

  it('says which object a Git LFS pointer stands for, and how to fetch it', async () => {
    const { found, hint } = await rejection(utf8(pointer));
    assert.equal(found, `a pointer to ${oid}, 1121055 bytes`);
    assert.match(hint ?? '', /git lfs pull/);
  });
});

describe('identification', () => {
  const suffixes = ['.pt', '.pth', '.ckpt', '.bin', '.pkl', '.safetensors', '.onnx', '.gguf', '.npy', '.npz'];

  for (const suffix of suffixes) {
    it(`ID-01: an empty file named ${suffix} is empty, and no model without tensors`, async () => {
      const { code, where } = await rejection(new Uint8Array(0), `model${suffix}`);
      assert.deepEqual([code, where?.offset], ['E_EMPTY', 0]);
    });
  }

  for (const format of formats) {
    const { id, magic, suffixes: own } = format;
    // The stream before 1.6 has no suffix of its own; its reader says where it ends.
    if (magic === undefined || own.length === 0) continue;
    it(`ID-02: the first bytes of ${id} are named as such`, async () => {
      for (let length = 1; length < magic.length; length++) {
        const { code, message, where } = await rejection(
          Uint8Array.from(magic.slice(0, length)),
          `model${own[0] ?? ''}`,
        );
        assert.deepEqual([code, where?.offset], ['E_TRUNCATED', length]);
        assert.ok(message.includes(`ends at byte ${length}`), message);
      }
    });

    it(`ID-13: one flipped byte in the magic of ${id} says what was expected`, async () => {
      const bytes = concat(Uint8Array.from(magic), new Uint8Array(64).fill(0xee));
      bytes[1] ^= 0x80;
      const { code, expected } = await rejection(bytes, `model${own[0]}`);
      assert.equal(code, 'E_UNKNOWN_FORMAT');
      const hex = magic.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
      assert.equal(expected, `${format.name} (${hex})`);
    });
  }

  for (const suffix of ['.safetensors', '.pt', '.onnx', '.gguf', '.npy', '.safetensors.index.json']) {
    it(`ID-03: a Git LFS pointer named ${suffix}`, async () => {
      const { code, found } = await rejection(utf8(pointer), `model${suffix}`);
      assert.deepEqual([code, found], ['E_LFS_POINTER', `a pointer to ${oid}, 1121055 bytes`]);
    });

    it(`ID-04: a web page named ${suffix}, with what it says`, async () => {
      const { code, found } = await rejection(utf8('<!DOCTYPE html>\n<p>404 Not Found'), `model${suffix}`);
      assert.deepEqual([code, found], ['E_WEB_PAGE', '"<!DOCTYPE html> <p>404 Not Found"']);
    });
  }

  it('ID-04: an error as JSON, with what it says', async () => {
    const { code, found } = await rejection(utf8('{"error":"Invalid username"}'), 'model.safetensors');
    assert.deepEqual([code, found], ['E_JSON', JSON.stringify('{"error":"Invalid username"}')]);
  });

  const samples: readonly [id: string, suffix: string, name: string, bytes: () => Promise<Uint8Array> | Uint8Array][] =
    [
      ['torch-zip', '.pt', 'PyTorch', () => readFixture('torch-2.13', 'mlp.pt')],
      ['torch-legacy', '.pth', 'PyTorch', () => readFixture('torch-2.13', 'mlp.legacy.pth')],
      ['safetensors', '.safetensors', 'safetensors', () => readFixture('torch-2.13', 'mlp.safetensors')],
      ['onnx', '.onnx', 'ONNX', () => readFixture('onnx', 'mlp.qdq.onnx')],
      ['npy', '.npy', 'a NumPy array', () => npy("'<f4'", '(1,)', 4)],
      ['npz', '.npz', 'a NumPy archive', () => readFixture('torch-2.13', 'mlp.npz')],
    ];
  for (const [id, own, formatName, bytes] of samples) {
    it(`ID-05: ${id} opens by its content under every name`, async () => {
      for (const suffix of suffixes) {
        const file = await openBytes(await bytes(), `model${suffix}`);
        const warning = file.warnings.find(({ code }) => code === 'E_NAME')?.message;
        const owner = formats.find(({ suffixes: list }) => list.includes(suffix));
        const expected =
          owner === undefined || owner.name === formatName
            ? undefined
            : `The file is named ${suffix} but contains ${formatName}.`;
        assert.deepEqual([file.format, warning], [id, expected], suffix);
      }
      assert.ok(suffixes.includes(own));
    });
  }

  it('ID-06: a stream with an archive behind it is shown, and said to be two things', async () => {
    const archive = await readFixture('torch-2.13', 'mlp.pt');
    for (const front of ['mlp.legacy.pth', 'mlp.safetensors']) {
      const bytes = await readFixture('torch-2.13', front);
      const file = await openBytes(concat(bytes, archive));
      const warning = file.warnings.find(({ code }) => code === 'E_ZIP_APPENDED');
      assert.ok(warning?.message.startsWith(`A ZIP archive starts at byte ${bytes.length} `), warning?.message);
      assert.equal(file.tensors.length, 4);
    }
  });

  for (const front of [utf8('JUNK'), utf8('#!/bin/sh\n'), new Uint8Array(1_000).fill(0xee)]) {
    it(`ID-07: ${front.length} bytes before an archive`, async () => {
      const { code, where } = await rejection(concat(front, await readFixture('torch-2.13', 'mlp.pt')));
      assert.deepEqual([code, where?.offset], ['E_ZIP_PREFIX', front.length]);
    });
  }

  it('ID-08: wrapped files are named by their wrapper, whatever their name', async () => {
    const model = await readFixture('torch-2.13', 'mlp.pt');
    for (const wrapped of [gzipSync(model), deflateSync(model)]) {
      for (const suffix of suffixes) {
        const { code } = await rejection(new Uint8Array(wrapped), `model${suffix}`);
        assert.equal(code, 'E_COMPRESSED', suffix);
      }
    }
  });

  /** A file that counts what is read of it. */
  function counted(size: number, byte: (at: number) => number, name: string) {
    const reads: number[] = [];
    const source: ByteSource = {
      name,
      size,
      async read(offset, length) {
        reads.push(length);
        return Uint8Array.from({ length }, (_, i) => byte(offset + i));
      },
    };
    return { source, total: () => reads.reduce((sum, length) => sum + length, 0) };
  }

  for (const suffix of [...suffixes, '.safetensors.index.json']) {
    it(`ID-11, ID-12: noise and a terabyte of zeros named ${suffix} are refused after little reading`, async () => {
      const noise = (at: number) => Math.imul(at + 1, 2_654_435_761) >>> 24;
      for (const [size, byte] of [
        [1_024, noise],
        [64 * 1024 * 1024, noise],
        [2 ** 40, () => 0],
      ] as const) {
        const { source, total } = counted(size, byte, `model${suffix}`);
        await assert.rejects(openFile(source, neverAborted), QuantscopeError);
        assert.ok(total() <= 1024 * 1024, `${total()} bytes were read of ${size}`);
      }
    });
  }
});

describe('a download that stopped', () => {
  for (const fixture of ['recipe_lstm.pt', 'mlp.pt']) {
    it(`is named as such at every 1/64 of ${fixture}`, async () => {
      const sound = await readFixture('torch-2.13', fixture);
      for (let part = 1; part < 64; part++) {
        const cut = sound.subarray(0, Math.floor((sound.length * part) / 64));
        assert.equal(await truncation(cut), 'E_ZIP_TRUNCATED', `${part}/64`);
      }
    });
  }

  it('is named as such when only the last byte is missing', async () => {
    const sound = await readFixture('torch-1.13', 'mlp.pt');
    assert.equal(await truncation(sound.subarray(0, -1)), 'E_ZIP_TRUNCATED');
  });

  it('says how many records came through', async () => {
    const sound = await readFixture('torch-1.13', 'mlp.pt');
    const { warnings } = await openBytes(sound.subarray(0, sound.length - 600));
    assert.match(warnings[0].message, /\d+ whole records were found from the front, the last one "mlp\/data\/\d"/);
  });
});

/** How a cut file is named: refused, or opened as far as it goes with a warning. */
async function truncation(bytes: Uint8Array): Promise<string | undefined> {
  return openBytes(bytes).then(
    ({ warnings }) => warnings[0]?.code,
    ({ code }: { code: string }) => code,
  );
}
