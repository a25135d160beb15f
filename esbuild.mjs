// Builds the product, one bundle a world: extension host, engine worker, command line, webview,
// and the kernels that the engine worker loads.
// With --tests also transpiles src and test file by file into out/, where mocha runs them;
// with --watch it stays and rebuilds.
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { buildKernels } from './scripts/lib/kernels.mjs';
import { writeNotices } from './scripts/lib/notices.mjs';

const tests = process.argv.includes('--tests');
const watch = process.argv.includes('--watch');
const production = process.argv.includes('--production');

/** @type {import('esbuild').BuildOptions} */
const node = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  sourcemap: !production,
  minify: production,
  logLevel: 'warning',
};

/** @type {import('esbuild').BuildOptions[]} */
const bundles = [
  { ...node, entryPoints: ['src/extension/extension.ts'], outfile: 'dist/extension.js', external: ['vscode'] },
  {
    ...node,
    entryPoints: ['src/worker/engineWorker.ts'],
    outfile: 'dist/engineWorker.js',
    // Its CommonJS build: the other looks for its own address with import.meta, which a bundle has not.
    alias: { 'onnxruntime-web': './node_modules/onnxruntime-web/dist/ort.node.min.js' },
  },
  { ...node, entryPoints: ['src/worker/kernelThread.ts'], outfile: 'dist/kernelThread.js' },
  { ...node, entryPoints: ['src/worker/readBackThread.ts'], outfile: 'dist/readBackThread.js' },
  { ...node, entryPoints: ['src/cli/main.ts'], outfile: 'dist/cli.js', banner: { js: '#!/usr/bin/env node' } },
  {
    entryPoints: ['webview-ui/main.tsx'],
    outfile: 'dist/webview/main.js',
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'utf8',
    loader: { '.ttf': 'file' },
    assetNames: '[name]',
    sourcemap: production ? false : 'linked',
    minify: production,
    logLevel: 'warning',
  },
];

async function typescriptFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((e) => e.isFile() && e.name.endsWith('.ts') && !/node_modules|kernels.assembly/.test(e.parentPath))
    .map((e) => join(e.parentPath, e.name));
}

await rm('dist', { recursive: true, force: true });
await buildKernels('dist');
if (tests) {
  await rm('out', { recursive: true, force: true });
  bundles.push({
    entryPoints: [...(await typescriptFiles('src')), ...(await typescriptFiles('test'))],
    outdir: 'out',
    outbase: '.',
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    sourcemap: 'linked',
    logLevel: 'warning',
  });
}

if (watch) {
  const contexts = await Promise.all(bundles.map((options) => esbuild.context(options)));
  await Promise.all(contexts.map((context) => context.watch()));
} else {
  const built = await Promise.all(bundles.map((options) => esbuild.build({ ...options, metafile: options.bundle })));
  await writeNotices(
    built.flatMap(({ metafile }) => metafile ?? []),
    join('dist', 'THIRD-PARTY-NOTICES.txt'),
  );
}
// ONNX Runtime is loaded when the first ONNX model runs: its files lie beside the engine's thread.
for (const name of ['ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm']) {
  await cp(join('node_modules/onnxruntime-web/dist', name), join('dist', name));
}
if (tests) await cp('test/fixtures', 'out/test/fixtures', { recursive: true });
