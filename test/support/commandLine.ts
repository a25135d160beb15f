import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBundles, temporaryFolder } from './bundles';
import { type CliOptions, type CliResult, runCli } from './runCli';

/** JSON of unknown shape, looked into by tests. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the test is about
export type Json = any;

export const sortedKeys = (value: object) => Object.keys(value).sort();

export interface CommandLine {
  /** A path in the suite's own folder, which is removed after it; without a name the folder itself. */
  at(...names: string[]): string;
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** A run that must end well; nothing but one JSON document may be on stdout, and nothing on stderr. */
  json(...args: string[]): Promise<Json>;
}

/** The bundled command line, for the suite in whose body this is called. */
export function commandLine(): CommandLine {
  let folder: string;
  before(async () => {
    folder = await temporaryFolder();
    await buildBundles(folder, ['cli', 'engineWorker']);
  });
  after(() => rm(folder, { recursive: true, force: true }));
  const run: CommandLine['run'] = (args, options) => runCli(folder, args, options);
  return {
    at: (...names) => join(folder, ...names),
    run,
    async json(...args) {
      const { code, stdout, stderr } = await run([...args, '--json']);
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(stdout.trim().split('\n').length, 1);
      return JSON.parse(stdout);
    },
  };
}
