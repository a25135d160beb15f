import assert from 'node:assert/strict';
import { deflateSync, gzipSync } from 'node:zlib';
import { openBytes, readFixture } from '../support/fixtures';
import { rejection } from '../support/hostile';
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

  it('refuses a PyTorch file behind other bytes, as PyTorch does', async () => {
    const sound = await readFixture('torch-2.13', 'mlp.pt');
    const { code, where } = await rejection(concat(utf8('#!/bin/sh\n'), sound));
    assert.deepEqual([code, where?.offset], ['E_ZIP_PREFIX', 10]);
  });

  it('decides by content, not by the name', async () => {
    const file = await openBytes(await readFixture('torch-2.13', 'mlp.pt'), 'model.gguf');
    assert.equal(file.format, 'torch-zip');
  });
});

describe('a download that stopped', () => {
  for (const fixture of ['recipe_lstm.pt', 'mlp.pt']) {
    it(`is named as such at every 1/64 of ${fixture}`, async () => {
      const sound = await readFixture('torch-2.13', fixture);
      for (let part = 1; part < 64; part++) {
        const cut = sound.subarray(0, Math.floor((sound.length * part) / 64));
        const details = await rejection(cut);
        assert.equal(details.code, 'E_ZIP_TRUNCATED', `${part}/64`);
        assert.equal(details.where?.offset, cut.length);
      }
    });
  }

  it('is named as such when only the last byte is missing', async () => {
    const sound = await readFixture('torch-1.13', 'mlp.pt');
    assert.equal((await rejection(sound.subarray(0, -1))).code, 'E_ZIP_TRUNCATED');
  });

  it('says how many records came through', async () => {
    const sound = await readFixture('torch-1.13', 'mlp.pt');
    const { found } = await rejection(sound.subarray(0, sound.length - 600));
    assert.match(found ?? '', /^\d+ whole records, the last one "mlp\/data\/\d"$/);
  });
});
