import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { QuantscopeError } from '../../src/core/errors';
import { salvageFile } from '../../src/formats/salvage';
import type { ModelFile } from '../../src/formats/types';
import { readFixture } from '../support/fixtures';
import { codesOf, refusal } from '../support/hostile';
import { Random } from '../support/mutate';
import { changedRecord, stateDict, torchFile } from '../support/pickleBuilder';
import { f32, safetensors, safetensorsText } from '../support/safetensorsBuilder';
import { concat, utf8 } from '../support/zipBuilder';

const salvage = (bytes: Uint8Array, name = 'model.pt'): Promise<ModelFile> =>
  salvageFile(bytesSource(bytes, name), neverAborted);

const readable = ({ tensors }: ModelFile): string[] =>
  tensors.filter(({ tensor }) => tensor.problem === undefined).map(({ name }) => name);

describe('what can be read of a file that is refused', () => {
  const refused: readonly (readonly [what: string, code: string, bytes: () => Promise<Uint8Array> | Uint8Array])[] = [
    [
      'bytes before an archive',
      'E_ZIP_PREFIX',
      async () => concat(utf8('JUNK'), await readFixture('torch-2.13', 'mlp.pt')),
    ],
    [
      'a record that says it is longer',
      'E_ZIP_ENTRY_RANGE',
      () => changedRecord(2, { size: 5000, compressedSize: 5000 }),
    ],
    ['a version that is no number', 'E_PT_VERSION', () => changedRecord(2, { data: utf8('abc') })],
    [
      'a byte order that does not exist',
      'E_PT_BYTEORDER',
      () => torchFile(stateDict(), [{ name: 'model/byteorder', data: utf8('middle') }]),
    ],
  ];
  for (const [what, code, bytes] of refused) {
    it(`${what}: every tensor, and what is wrong comes first`, async () => {
      const file = await salvage(await bytes());
      assert.equal(file.warnings[0].code, code);
      assert.ok(readable(file).length > 0);
      assert.equal(readable(file).length, file.tensors.length);
      for (const { tensor } of file.tensors) assert.ok((await file.readTensor(tensor, neverAborted)).length > 0);
    });
  }

  it('the values are those of the sound file', async () => {
    const sound = await readFixture('torch-2.13', 'mlp.pt');
    const [a, b] = [await salvage(sound), await salvage(concat(utf8('JUNK'), sound))];
    assert.deepEqual(codesOf(a), []);
    for (const [i, { name, tensor }] of a.tensors.entries()) {
      assert.equal(b.tensors[i].name, name);
      assert.deepEqual(await b.readTensor(b.tensors[i].tensor, neverAborted), await a.readTensor(tensor, neverAborted));
    }
  });

  it('safetensors: the tensors that a broken header names before it breaks off', async () => {
    const whole = safetensors({ a: f32(2), b: f32(3, 8), c: f32(1, 20) }, new Uint8Array(24).fill(1));
    const broken = whole.slice();
    broken[Buffer.from(whole).indexOf('"c"')] = 0x78;
    const file = await salvage(broken, 'model.safetensors');
    assert.equal(file.warnings[0].code, 'E_ST_JSON');
    assert.deepEqual(readable(file), ['a', 'b']);
    assert.equal((await file.readTensor(file.tensors[1].tensor, neverAborted)).length, 12);
  });

  it('safetensors: names and shapes of a header that is cut off, without their values', async () => {
    const header = JSON.stringify({ a: f32(2), b: f32(3, 8) });
    const file = await salvage(safetensorsText(header.slice(0, -10), 0, BigInt(header.length)), 'model.safetensors');
    assert.equal(file.warnings[0].code, 'E_ST_HEADER_SIZE');
    assert.deepEqual(
      file.tensors.map(({ name, tensor }) => [name, tensor.shape, tensor.problem?.code]),
      [['a', [2], 'E_ST_CUT']],
    );
  });

  it('a file of which nothing can be read is refused as before', async () => {
    assert.equal((await refusal(salvage(utf8('these are notes')))).code, 'E_TEXT');
    assert.equal((await refusal(salvage(changedRecord(0, { flags: 1 })))).code, 'E_ZIP_ENCRYPTED');
  });

  it('400 files damaged at random end as a file or as an error that says why', async () => {
    const random = new Random(11);
    const sounds = [await readFixture('torch-2.13', 'mlp.pt'), await readFixture('torch-2.13', 'mlp.safetensors')];
    let opened = 0;
    for (let i = 0; i < 400; i++) {
      const bytes = sounds[i % 2].slice();
      // The directory of an archive is at its end, the header of safetensors at its start.
      for (let k = 0; k < 4; k++) {
        const at = i % 2 === 0 ? bytes.length - 1 - random.below(900) : random.below(200);
        bytes[at] = random.below(256);
      }
      try {
        const file = await salvage(bytes, i % 2 === 0 ? 'model.pt' : 'model.safetensors');
        for (const { tensor } of file.tensors)
          if (tensor.problem === undefined) await file.readTensor(tensor, neverAborted);
        opened++;
      } catch (error) {
        assert.ok(error instanceof QuantscopeError, String(error));
      }
    }
    assert.ok(opened > 200, `${opened} opened`);
  });
});
