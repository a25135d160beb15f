// Writes docs/operators.md from the executor's own table of operators.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as esbuild from 'esbuild';

const folder = await mkdtemp(join(tmpdir(), 'operators-'));
try {
  const outfile = join(folder, 'page.cjs');
  await esbuild.build({
    entryPoints: ['test/support/operatorsPage.ts'],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'warning',
  });
  const { operatorsPage } = createRequire(import.meta.url)(outfile);
  await writeFile('docs/operators.md', operatorsPage());
} finally {
  await rm(folder, { recursive: true });
}
