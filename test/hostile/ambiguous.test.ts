import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { noProgress } from '../../src/core/progress';
import { planExport } from '../../src/model/export/exportModel';
import { openModel } from '../../src/model/openModel';
import { exportRequest } from '../support/exports';
import { refusal } from '../support/hostile';
import { stateDict, tensor, torchFile } from '../support/pickleBuilder';
import { f32, safetensors } from '../support/safetensorsBuilder';
import { concat } from '../support/zipBuilder';

const sound = stateDict();
const other = stateDict(['second', tensor()]);

const request = exportRequest('out.safetensors', { format: 'safetensors' });

const cases: readonly [row: string, what: string, bytes: Uint8Array][] = [
  ['Z-01', 'two data.pkl', torchFile(sound, [{ name: 'model/data.pkl', data: other }])],
  ['Z-02', 'two storages of one name', torchFile(sound, [{ name: 'model/data/0', data: new Uint8Array(16) }])],
  ['Z-03', 'data.pkl and DATA.PKL', torchFile(sound, [{ name: 'model/DATA.PKL', data: other }])],
  ['Z-04', 'two archives after each other', concat(torchFile(sound), torchFile(sound))],
  ['Z-22', 'two folders with a data.pkl', torchFile(sound, [{ name: 'zzz/data.pkl', data: other }])],
  ['ID-06', 'an archive behind another model', concat(safetensors({ w: f32(2) }, 8), torchFile(sound))],
];

describe('a file in which tools find different models', () => {
  for (const [row, what, bytes] of cases) {
    it(`${row}: is not exported until somebody says that the one shown is meant: ${what}`, async () => {
      const model = await openModel(bytesSource(bytes, 'model.pt'), neverAborted);
      const { code, found, hint } = await refusal(planExport(model, request, neverAborted, noProgress));
      assert.equal(code, 'E_EXPORT_AMBIGUOUS');
      assert.ok(model.file.warnings.some(({ message }) => message === found));
      assert.match(hint ?? '', /--accept-ambiguous/);
      const meant = { ...request, acceptsAmbiguous: true };
      const { files } = await planExport(model, meant, neverAborted, noProgress);
      assert.equal(files.length, 1);
    });
  }

  it('is told from an ordinary one, which is exported', async () => {
    const model = await openModel(bytesSource(torchFile(sound), 'model.pt'), neverAborted);
    assert.equal((await planExport(model, request, neverAborted, noProgress)).files.length, 1);
  });
});
