// Writes docs/operators.md from the executor's own table of operators, and the schema of forward plans.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as esbuild from 'esbuild';

const folder = await mkdtemp(join(tmpdir(), 'operators-'));
try {
  await esbuild.build({
    entryPoints: ['test/support/operatorsPage.ts', 'test/support/planSchema.ts'],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    logLevel: 'warning',
  });
  const require = createRequire(import.meta.url);
  const { operatorsPage } = require(join(folder, 'operatorsPage.cjs'));
  const { planSchema } = require(join(folder, 'planSchema.cjs'));
  await writeFile('docs/operators.md', operatorsPage());
  await writeFile('media/forwardPlan.schema.json', planSchema());
} finally {
  await rm(folder, { recursive: true });
}
