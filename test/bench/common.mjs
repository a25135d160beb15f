// What the benchmarks share.
import { createRequire } from 'node:module';
import { build } from 'esbuild';

/** Bundles a TypeScript file of ours into `outfile` and loads it. */
export async function loadBundle(entry, outfile) {
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' });
  return createRequire(import.meta.url)(outfile);
}

/** The middle value; of an even number, the upper of the two. */
export function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
