import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { openModel } from '../../src/model/openModel';
import type { EngineName } from '../../src/protocol/dto';
import { openFileSource } from '../../src/worker/fileSource';
import { writeExport } from '../support/exports';
import { spec } from '../support/models';
import { askPython, describeWithTorch } from '../support/pythons';

interface Saved {
  readonly model: string;
  readonly engine: EngineName;
  readonly perChannel: boolean;
  readonly file: string;
}

describeWithTorch(
  'exports are the very bytes that torch.save writes',
  (python) => {
    let folder: string;
    let saved: Saved[];

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quantscope-bytes-'));
      saved = await askPython<Saved[]>(python, 'save_models.py', folder);
      assert.equal(saved.length, 8);
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const models = ['recurrent', 'cells', 'deep'];
    for (const name of models) {
      it(`${name}, for every engine and scheme`, async () => {
        const source = await openFileSource(join(folder, `${name}.pt`));
        const model = await openModel(source, neverAborted);
        for (const { engine, perChannel, file } of saved.filter((one) => one.model === name)) {
          const modules = perChannel ? ['Linear'] : null;
          const request = { spec: spec({ engine, perChannel, modules }) };
          const written = await writeExport(join(folder, 'ours'), model, file, request);
          const [ours, theirs] = [await readFile(written.file), await readFile(join(folder, file))];
          const at = theirs.findIndex((byte, i) => byte !== ours[i]);
          assert.ok(at === -1 && ours.length === theirs.length, `${file} differs at byte ${at}`);
        }
        await source.close();
      });
    }
  },
  ['system'],
);
