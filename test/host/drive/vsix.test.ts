import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRawSync } from 'node:zlib';
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

  it(`is smaller than ${maxBytes / 1e6} MB without the ONNX runtime, which is loaded when a graph runs`, async () => {
    const { size } = await stat(join(folder, 'q.vsix'));
    const runtime = deflateRawSync(await readFile(join(root, 'dist', 'ort-wasm-simd-threaded.wasm'))).length;
    assert.ok(size - runtime < maxBytes, `${size} bytes, ${runtime} of them the runtime`);
  });

  it('holds the licences of what is bundled', async () => {
    const notices = await readFile(join(root, 'dist', 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    for (const name of ['preact', 'onnxruntime-web', '@huggingface/tokenizers', 'py-ast', 'assemblyscript']) {
      assert.match(notices, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+, [A-Z]`, 'm'));
    }
    assert.ok((await listed()).includes('dist/THIRD-PARTY-NOTICES.txt'));
  });

  it('holds the pictures that the README and the walkthrough show, and no others', async () => {
    const packed = (await listed()).filter((name) => /^media\/.*\.(png|svg)$/.test(name));
    const texts = await Promise.all(['README.md', 'package.json'].map((name) => readFile(join(root, name), 'utf8')));
    const named = texts.join('\n').match(/media\/[\w/-]+\.(?:png|svg)/g) ?? [];
    assert.deepEqual(packed.sort(), [...new Set(named)].sort());
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

/** Paths of what the package holds. */
async function listed(): Promise<string[]> {
  const vsce = join(root, 'node_modules', '@vscode', 'vsce', 'vsce');
  const { stdout } = await promisify(execFile)(process.execPath, [vsce, 'ls', '--no-dependencies'], { cwd: root });
  return stdout.split('\n');
}
