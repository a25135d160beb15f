import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Mocha from 'mocha';

/** One test that ran inside the extension host. */
export interface InsideResult {
  readonly title: string;
  readonly error?: string;
  readonly skipped?: boolean;
}

/** VS Code calls this in the extension host. Results go to the file that QUANTSCOPE_INSIDE names. */
export function run(): Promise<void> {
  const mocha = new Mocha({ timeout: 60_000, reporter: 'dot' });
  for (const name of readdirSync(__dirname)) if (name.endsWith('.test.js')) mocha.addFile(join(__dirname, name));
  const results: InsideResult[] = [];
  return new Promise((resolve, reject) => {
    const runner = mocha.run((failures) => {
      const file = process.env.QUANTSCOPE_INSIDE;
      if (file !== undefined) writeFileSync(file, JSON.stringify(results));
      if (failures > 0) reject(new Error(`${failures} tests failed inside the extension host`));
      else resolve();
    });
    runner.on('pass', (test) => results.push({ title: test.fullTitle() }));
    runner.on('pending', (test) => results.push({ title: test.fullTitle(), skipped: true }));
    runner.on('fail', (test, error: Error) =>
      results.push({ title: test.fullTitle(), error: error.stack ?? String(error) }),
    );
  });
}
