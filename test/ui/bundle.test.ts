import assert from 'node:assert/strict';
import { join } from 'node:path';
import { root } from '../support/root';

interface Esbuild {
  build(options: Record<string, unknown>): Promise<{
    outputFiles: readonly { readonly path: string; readonly contents: Uint8Array }[];
  }>;
}

/** Bytes of the page's script: what every view of a model loads before it can show anything. */
const limit = 150_000;

it(`the page's script is smaller than ${limit / 1000} KB minified, and builds no markup from text`, async function () {
  this.timeout(20_000);
  const { build } = require(join(root, 'node_modules', 'esbuild')) as Esbuild;
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['webview-ui/main.tsx'],
    bundle: true,
    write: false,
    outdir: 'unused',
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'utf8',
    loader: { '.ttf': 'file' },
    minify: true,
  });
  const script = outputFiles.find(({ path }) => path.endsWith('main.js'));
  assert.ok(script !== undefined);
  console.log(`      ${(script.contents.length / 1000).toFixed(1)} KB`);
  assert.ok(script.contents.length < limit, `${script.contents.length} bytes`);
  const text = new TextDecoder().decode(script.contents);
  for (const word of ['insertAdjacentHTML', 'document.write', 'eval(', 'new Function'])
    assert.ok(!text.includes(word), word);
});

it('no source of the page sets innerHTML', async () => {
  const { readdir, readFile } = await import('node:fs/promises');
  const folder = join(root, 'webview-ui');
  for (const name of await readdir(folder, { recursive: true })) {
    if (!/\.tsx?$/.test(name)) continue;
    const text = await readFile(join(folder, name), 'utf8');
    assert.ok(!/innerHTML|outerHTML/.test(text), name);
  }
});
