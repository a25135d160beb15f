import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fixturePath } from '../../support/fixtures';
import { root, Workbench } from './workbench';

const maxBytes = 3_000_000;

describe('the packaged extension', function () {
  this.timeout(240_000);
  let folder: string;
  let workbench: Workbench | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quantscope-vsix-'));
    await promisify(execFile)(process.execPath, [join(root, 'scripts', 'package.mjs'), join(folder, 'q.vsix')]);
  });
  after(async () => {
    await workbench?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it(`is smaller than ${maxBytes / 1e6} MB`, async () => {
    const { size } = await stat(join(folder, 'q.vsix'));
    assert.ok(size < maxBytes, `${size} bytes`);
  });

  it('installs into a VS Code and quantizes the recipe there', async () => {
    const files = { 'recipe_lstm.pt': fixturePath('torch-2.13', 'recipe_lstm.pt') };
    workbench = await Workbench.open({ files, vsix: join(folder, 'q.vsix') });
    await workbench.contextMenu('recipe_lstm.pt', 'Quantize Dynamically...');
    await workbench.pick('fbgemm');
    const coverage = workbench.webview().getByTestId('coverage');
    await coverage.waitFor({ timeout: 60_000 });
    assert.match(await coverage.innerText(), /1 module quantized/);
  });
});
