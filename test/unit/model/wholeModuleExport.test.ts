import assert from 'node:assert/strict';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';
import { exportBytes } from '../../support/exports';
import { type FixtureVersion, readFixture } from '../../support/fixtures';
import { openFixtureModel, spec } from '../../support/models';
import { unzipStored } from '../../support/zipBuilder';

/** Records by name; the serialization id is 40 digits that PyTorch hashes from its own pointers. */
function records(bytes: Uint8Array): [string, string][] {
  return unzipStored(bytes).map(({ name, data }) => [
    name,
    name.endsWith('serialization_id') ? String(data.length) : Buffer.from(data).toString('hex'),
  ]);
}

async function wholeModule(
  version: FixtureVersion,
  source: string,
  target: string,
  quantization: Partial<QuantizeSpecDto> | null,
): Promise<Uint8Array> {
  const model = await openFixtureModel(version, source);
  const [bytes] = await exportBytes(model, target, {
    layout: 'whole_module',
    torchStyle: version === '1.13' ? '1.13' : '2',
    spec: quantization === null ? null : spec(quantization),
  });
  return bytes;
}

describe('whole-module files', () => {
  for (const version of ['1.13', '2.13'] as const) {
    for (const name of ['mlp', 'recipe_lstm']) {
      it(`${name} in float is what torch ${version} saved`, async () => {
        const target = `${name}.module.pt`;
        const bytes = await wholeModule(version, target, target, null);
        assert.deepEqual(records(bytes), records(await readFixture(`torch-${version}`, target)));
      });

      for (const engine of ['fbgemm', 'onednn', 'qnnpack'] as const) {
        if (version === '1.13' && engine === 'fbgemm') continue;
        it(`${name} quantized with ${engine} is what torch ${version} saved after quantize_dynamic`, async () => {
          const target = `${name}.${engine}.quantized_module.pt`;
          const bytes = await wholeModule(version, `${name}.module.pt`, target, { engine });
          assert.deepEqual(records(bytes), records(await readFixture(`torch-${version}`, target)));
        });
      }
    }
  }

  it('of another container are those of the source: 1.13 reads what 2.13 wrote, and the other way round', async () => {
    const model = await openFixtureModel('2.13', 'mlp.module.pt');
    const request = { layout: 'whole_module', torchStyle: '1.13', spec: spec() } as const;
    const [bytes] = await exportBytes(model, 'mlp.pt', request);
    assert.deepEqual(
      records(bytes).map(([name]) => name.slice(name.indexOf('/') + 1)),
      ['data.pkl', 'data/0', 'data/1', 'data/2', 'data/3', 'version'],
    );
  });

  const refusals: readonly [source: string, message: RegExp][] = [
    ['mlp.pt', /does not say of which classes its modules are/],
    ['mlp.safetensors', /does not say of which classes/],
    ['mlp.legacy.pth', /does not say of which classes/],
    ['mlp.trace.pt', /written before PyTorch 1\.6, or is no file/],
  ];
  for (const [source, message] of refusals) {
    it(`are not made of ${source}, and the reason is told`, async () => {
      const model = await openFixtureModel('2.13', source);
      await assert.rejects(exportBytes(model, 'out.pt', { layout: 'whole_module' }), {
        code: 'E_EXPORT_MODULE',
        message,
      });
    });
  }

  it('do not copy a pickle that runs something', async () => {
    const model = await openFixtureModel('2.13', 'mlp.module.pt');
    const unsafe = { ...model, file: { ...model.file, safety: { verdict: 'dangerous' as const, globals: [] } } };
    await assert.rejects(exportBytes(unsafe, 'out.pt', { layout: 'whole_module' }), { code: 'E_EXPORT_UNSAFE' });
  });
});
