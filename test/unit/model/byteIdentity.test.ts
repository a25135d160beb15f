import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fixturePath } from '../../support/fixtures';
import { assertSameHash, ownFile, type SavedModel } from '../../support/savedModels';

/** The files themselves are made again from a real PyTorch in test/interop; here are their hashes. */
describe('exports have the hash of what torch.save writes', () => {
  for (const version of ['1.13', '2.13'] as const) {
    const folder = `exports/torch-${version}`;
    const saved = JSON.parse(readFileSync(fixturePath(folder, 'expected.json'), 'utf8')) as SavedModel[];
    for (const one of saved) {
      it(`${one.file} of torch ${version}`, async () => {
        const source = new Uint8Array(await readFile(fixturePath(folder, one.source)));
        assertSameHash(await ownFile(one, source, version), one, version);
      });
    }
  }
});
