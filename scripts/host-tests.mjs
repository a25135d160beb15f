// `npm run test:desktop`: the suites of test/host/inside in the desktop VS Code that
// @vscode/test-electron downloads. `npm test` runs the same suites in a VS Code server.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureDependencies } from './lib/dependencies.mjs';
import { cache, root, run } from './lib/run.mjs';

await ensureDependencies();
await run(process.execPath, ['esbuild.mjs', '--tests'], { shell: false });
const { runTests } = await import('@vscode/test-electron');
const prepared = await import(pathToFileURL(join(root, 'out', 'test', 'support', 'hostModels.js')).href);
const profile = mkdtempSync(join(tmpdir(), 'quantscope-desktop-'));
const folder = join(profile, 'models');
const results = join(profile, 'results.json');
try {
  await prepared.default.writeHostModels(folder);
  await runTests({
    cachePath: join(cache, 'vscode-desktop'),
    extensionDevelopmentPath: root,
    extensionTestsPath: join(root, 'out', 'test', 'host', 'inside', 'index.js'),
    extensionTestsEnv: { QUANTSCOPE_INSIDE: results },
    launchArgs: [folder, '--disable-workspace-trust', '--user-data-dir', join(profile, 'user')],
  });
  print();
} catch (error) {
  console.error(`The suites did not pass in the desktop VS Code: ${error.message}`);
  print();
  process.exitCode = 1;
} finally {
  rmSync(profile, { recursive: true, force: true });
}

function print() {
  let list = [];
  try {
    list = JSON.parse(readFileSync(results, 'utf8'));
  } catch {
    // VS Code did not get as far as running a test.
  }
  for (const { title, error } of list) if (error !== undefined) console.error(`\n${title}\n${error}`);
  const failed = list.filter(({ error }) => error !== undefined).length;
  const skipped = list.filter((one) => one.skipped).length;
  console.log(`${list.length - failed - skipped} passed, ${failed} failed, ${skipped} skipped`);
}
