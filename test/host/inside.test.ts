import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Mocha from 'mocha';
import { writeHostModels } from '../support/hostModels';
import { runInServer } from './drive/workbench';
import type { InsideResult } from './inside/index';

/** The suites of test/host/inside, run by a real extension host; each of their tests is one here. */
describe('in the VS Code server', function () {
  this.timeout(240_000);
  let profile: string;

  before(async () => {
    profile = await mkdtemp(join(tmpdir(), 'quantscope-inside-'));
    const folder = join(profile, 'models');
    const file = join(profile, 'results.json');
    await writeHostModels(folder);
    const log = await runInServer({
      profile,
      folder,
      tests: join(__dirname, 'inside', 'index'),
      environment: { QUANTSCOPE_INSIDE: file },
    });
    const results = JSON.parse(await readFile(file, 'utf8').catch(() => '[]')) as InsideResult[];
    if (results.length === 0) throw new Error(`The extension host ran no test:\n${log}`);
    for (const result of results) this.addTest(testOf(result));
  });
  after(() => rm(profile, { recursive: true, force: true }));
  it('the extension host ran its suites', () => {});
});

function testOf({ title, error, skipped }: InsideResult): Mocha.Test {
  if (skipped) return new Mocha.Test(title);
  return new Mocha.Test(title, () => {
    if (error !== undefined) throw new Error(error);
  });
}
