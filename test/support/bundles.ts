import { copyFile, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(__dirname, '..', '..');

/** A new folder under the system's temporary folder; the caller removes it. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'quantscope-test-'));
}

/** Bundles the command line and the engine's thread, as the product does, into one folder with the built kernels and ONNX Runtime. */
export async function buildBundles(folder: string, names: readonly ('cli' | 'engineWorker')[]): Promise<void> {
  const sources = {
    cli: 'src/cli/main',
    engineWorker: 'src/worker/engineWorker',
    kernelThread: 'src/worker/kernelThread',
    readBackThread: 'src/worker/readBackThread',
  };
  const chosen = [...names, ...(names.includes('engineWorker') ? (['kernelThread', 'readBackThread'] as const) : [])];
  await build({
    entryPoints: Object.fromEntries(chosen.map((name) => [name, join(root, sources[name])])),
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'error',
  });
  const dist = join(root, '..', 'dist');
  const files = (await readdir(dist)).filter((name) => /^(kernels|ort-).*\.(wasm|mjs)$/.test(name));
  for (const file of files) await copyFile(join(dist, file), join(folder, file));
}
