import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { type ErrorDetails, QuantscopeError } from '../../src/core/errors';
import { openFile } from '../../src/formats/registry';
import type { ModelFile } from '../../src/formats/types';
import { openFileSource } from '../../src/worker/fileSource';
import { temporaryFolder } from '../support/bundles';
import { memoryFolder } from '../support/memoryFolder';
import { f32, safetensors, safetensorsText } from '../support/safetensorsBuilder';
import { evilSiblingNames } from '../support/siblingNames';
import { utf8 } from '../support/zipBuilder';

const name = 'model.safetensors.index.json';
const [one, two] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
const shards = {
  [one]: safetensors({ a: f32(1) }, Uint8Array.of(0, 0, 128, 63)),
  [two]: safetensors({ b: f32(1) }, Uint8Array.of(0, 0, 0, 64)),
};
const index = (map: unknown = { a: one, b: two }, metadata: unknown = { total_size: 8 }) =>
  utf8(JSON.stringify({ metadata, weight_map: map }));
const open = (files: Readonly<Record<string, Uint8Array>>, asked: string[] = []): Promise<ModelFile> =>
  openFile(memoryFolder(files, name, asked), neverAborted);
const codes = ({ warnings }: ModelFile) => warnings.map(({ code }) => code);
const names = ({ tensors }: ModelFile) => tensors.map((tensor) => tensor.name);

async function refusal(content: Uint8Array, asked: string[] = []): Promise<ErrorDetails> {
  try {
    await open({ ...shards, [name]: content }, asked);
  } catch (error) {
    if (error instanceof QuantscopeError) return error.details;
    throw error;
  }
  return assert.fail('the index was opened');
}

describe('an index of shards', () => {
  it('is the whole model', async () => {
    const file = await open({ ...shards, [name]: index() });
    assert.deepEqual([names(file), file.warnings, file.opaque], [['a', 'b'], [], []]);
    assert.deepEqual(file.metadata, { total_size: '8' });
    const values = [];
    for (const { tensor } of file.tensors) values.push(...(await file.readTensor(tensor, neverAborted)));
    assert.deepEqual(values, [0, 0, 128, 63, 0, 0, 0, 64]);
  });

  it('is named by a shard that is opened by itself', async () => {
    const files = { ...shards, [name]: index() };
    const [warning] = (await openFile(memoryFolder(files, one), neverAborted)).warnings;
    assert.equal(warning.message, `This is shard 1 of 2. Open ${name} for the whole model.`);
    const [alone] = (await openFile(memoryFolder(shards, one), neverAborted)).warnings;
    assert.equal(alone.message, 'This is shard 1 of 2. Its index is not in this folder.');
  });

  const partly: readonly [row: string, what: string, shard: Uint8Array | undefined, says: RegExp][] = [
    ['X-01', 'missing', undefined, /"model-00002-of-00002.safetensors" is missing/],
    ['X-01', 'cut off in its header', shards[two].subarray(0, 30), /cannot be read: The header would be longer/],
    ['X-01', 'empty', new Uint8Array(0), /cannot be read: The file is empty/],
    ['X-01', 'a Git LFS pointer', utf8('version https://git-lfs.github.com/spec/v1\n'), /Git LFS pointer/],
    ['X-01', 'a web page', utf8('<!DOCTYPE html><p>404'), /web page/],
    ['X-07', 'another index', index(), /cannot be read: This is JSON text/],
  ];
  for (const [row, what, shard, says] of partly) {
    it(`${row}: shows the other shards when one is ${what}`, async () => {
      const rest = shard === undefined ? {} : { [two]: shard };
      const file = await open({ [one]: shards[one], ...rest, [name]: index() });
      assert.deepEqual([names(file), codes(file)], [['a'], ['E_SHARD']]);
      assert.match(file.warnings[0].message, says);
      assert.equal(file.opaque[0].path, 'b');
      assert.ok(file.opaque[0].name.startsWith(`tensor of ${two}, which`));
    });
  }

  it('X-01: says what is missing of a shard whose data is cut', async () => {
    const file = await open({ ...shards, [two]: shards[two].subarray(0, -2), [name]: index() });
    assert.deepEqual(codes(file), ['E_ST_CUT']);
    assert.ok(file.warnings[0].message.startsWith(`${two}: `));
  });

  for (const evil of evilSiblingNames) {
    it(`X-02: looks for nothing when it names ${JSON.stringify(evil.slice(0, 30))}`, async () => {
      const asked: string[] = [];
      const { code } = await refusal(index({ a: one, b: evil }), asked);
      assert.equal(code, evil.length > 1024 ? 'E_INDEX_JSON' : 'E_SIBLING_PATH');
      assert.deepEqual(asked, []);
    });
  }

  it('X-04: lists what it promises and no shard has, and what a shard has and it does not name', async () => {
    const file = await open({ ...shards, [name]: index({ a: one, lost: two }) });
    assert.deepEqual(names(file), ['a', 'b']);
    assert.deepEqual(codes(file), ['E_SHARD_UNLISTED', 'E_SHARD_MISSING']);
    assert.match(file.warnings[0].message, /^"b" is in a shard/);
    assert.match(file.warnings[1].message, /^"lost" is in the index/);
    assert.deepEqual(
      file.opaque.map(({ path }) => path),
      ['lost'],
    );
  });

  it('X-04: decides between two shards that have the same tensor', async () => {
    const both = { ...shards, [two]: safetensors({ a: f32(1), b: f32(1, 4) }, Uint8Array.of(9, 9, 9, 9, 0, 0, 0, 0)) };
    for (const [owner, first] of [
      [one, 0],
      [two, 9],
    ] as const) {
      const file = await open({ ...both, [name]: index({ a: owner, b: two, lost: one }) });
      assert.deepEqual(codes(file), ['E_SHARD_TWICE', 'E_SHARD_MISSING']);
      const found = file.tensors.find((tensor) => tensor.name === 'a');
      assert.ok(found);
      assert.equal((await file.readTensor(found.tensor, neverAborted))[0], first);
    }
  });

  for (const total of [-1, '8', 2 ** 80, null, [8], 1.5]) {
    it(`X-05: warns of a total size of ${JSON.stringify(total)}`, async () => {
      const file = await open({ ...shards, [name]: index(undefined, { total_size: total }) });
      assert.deepEqual([codes(file), file.metadata], [['E_INDEX_TOTAL'], {}]);
    });
  }

  const refused: readonly [row: string, what: string, content: () => Uint8Array, code: string, at: string | number][] =
    [
      ['X-05', 'a shard that is a number', () => index({ a: 1 }), 'E_INDEX_JSON', '1}'],
      ['X-05', 'a shard that is a list', () => index({ a: [one] }), 'E_INDEX_JSON', '["model'],
      ['X-05', 'a shard that is null', () => index({ a: null }), 'E_INDEX_JSON', 'null'],
      ['X-05', 'a weight map that is a list', () => index([one]), 'E_INDEX_JSON', '["model'],
      ['X-05', 'no weight map', () => utf8('{"metadata":{}}'), 'E_INDEX_JSON', 0],
      ['X-06', '200,000 shards', () => index(manyShards(200_000)), 'E_INDEX_JSON', '"shard10000.s'],
      ['X-06', 'a name of 100 MB', () => index({ a: 'x'.repeat(100_000_000) }), 'E_INDEX_JSON', 'xxx'],
      ['X-06', '50,000 levels', () => utf8(`{"weight_map":{},"x":${'['.repeat(50_000)}`), 'E_INDEX_JSON', 21 + 127],
      ['X-07', 'itself', () => index({ a: name }), 'E_INDEX_JSON', `"${name}`],
      ['', 'a tensor twice', () => utf8(`{"weight_map":{"a":"x","a":"y"}}`), 'E_INDEX_JSON', 23],
      ['', 'two weight maps', () => utf8('{"weight_map":{},"weight_map":{}}'), 'E_INDEX_JSON', 17],
    ];
  for (const [row, what, content, code, at] of refused) {
    it(`${row}: is refused when it names ${what}`, async () => {
      const bytes = content();
      const offset = typeof at === 'number' ? at : Buffer.from(bytes).indexOf(at);
      const details = await refusal(bytes);
      assert.deepEqual([details.code, details.where?.offset], [code, offset], details.message);
    });
  }

  function manyShards(count: number): Record<string, string> {
    return Object.fromEntries(Array.from({ length: count }, (_, i) => [`tensor${i}`, `shard${i}.safetensors`]));
  }

  it('X-06: may have half a million tensors in 96 shards', async function () {
    this.timeout(30_000);
    const perShard = 5_209;
    const map: string[] = [];
    const files: Record<string, Uint8Array> = {};
    for (let i = 0; i < 96; i++) {
      const shard = `model-${i}.safetensors`;
      const tensors = Array.from({ length: perShard }, (_, j) => `"layers.${i}.experts.${j}.w"`);
      for (const tensor of tensors) map.push(`${tensor}:"${shard}"`);
      const empty = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
      files[shard] = safetensorsText(`{${tensors.map((tensor) => `${tensor}:${empty}`).join(',')}}`);
    }
    const file = await open({ ...files, [name]: utf8(`{"weight_map":{${map.join(',')}}}`) });
    assert.deepEqual([file.tensors.length, file.warnings], [96 * perShard, []]);
  });

  it('X-07: may name a tensor __proto__', async () => {
    const files = {
      [one]: safetensors({ ['__proto__']: f32(1) }, 4),
      [name]: utf8(`{"weight_map":{"__proto__":"${one}"}}`),
    };
    const file = await open(files);
    assert.deepEqual([names(file), file.warnings], [['__proto__'], []]);
  });

  it('is refused where it has no folder', async () => {
    const content = index();
    const source = { name, size: content.length, read: async (at: number, n: number) => content.subarray(at, at + n) };
    await assert.rejects(openFile(source, neverAborted), { code: 'E_INDEX_ALONE' });
  });
});

describe('shards on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function openIn(path: string): Promise<ModelFile> {
    const source = await openFileSource(join(path, name));
    try {
      const file = await openFile(source, neverAborted);
      for (const { tensor } of file.tensors) await file.readTensor(tensor, neverAborted);
      return file;
    } finally {
      await source.close();
    }
  }

  async function write(path: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
    await mkdir(path, { recursive: true });
    for (const [each, content] of Object.entries(files)) await writeFile(join(path, each), content);
  }

  it('X-03: open from the cache of Hugging Face', async function () {
    if (process.platform === 'win32') this.skip();
    const blobs = join(folder, 'models--a--b', 'blobs');
    const snapshot = join(folder, 'models--a--b', 'snapshots', 'abc');
    const contents = { ...shards, [name]: index() };
    const hashes = Object.keys(contents).map((_, i) => String(i).repeat(64));
    await write(blobs, Object.fromEntries(Object.values(contents).map((bytes, i) => [hashes[i], bytes])));
    await mkdir(snapshot, { recursive: true });
    for (const [i, each] of Object.keys(contents).entries()) {
      await symlink(`../../blobs/${hashes[i]}`, join(snapshot, each));
    }
    const file = await openIn(snapshot);
    assert.deepEqual([names(file), file.warnings], [['a', 'b'], []]);
  });

  const refused: readonly [what: string, code: string, make: (path: string) => Promise<void>][] = [
    [
      'a link out of the folder',
      'E_SIBLING_PATH',
      async (path) => {
        await writeFile(join(folder, 'secret'), shards[two]);
        await symlink('../secret', join(path, two));
      },
    ],
    ['a pipe', 'E_NOT_A_FILE', async (path) => void execFileSync('mkfifo', [join(path, two)])],
  ];
  for (const [what, code, make] of refused) {
    it(`X-03: are refused when one is ${what}`, async function () {
      if (process.platform === 'win32') this.skip();
      const path = join(folder, 'model');
      await write(path, { [one]: shards[one], [name]: index() });
      await make(path);
      await assert.rejects(openIn(path), { code });
    });
  }
});
