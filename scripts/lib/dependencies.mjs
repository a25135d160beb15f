import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm, root, run } from './run.mjs';

/** Installs the root's packages when they are missing or older than the lock file. */
export async function ensureDependencies() {
  if (isInstalled()) return;
  console.log('Installing the packages of package-lock.json …');
  await run(npm, ['ci', '--no-audit', '--no-fund']);
}

function isInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const versions = (file) => {
    const { packages } = JSON.parse(readFileSync(file, 'utf8'));
    return new Map(Object.entries(packages).map(([path, entry]) => [path, entry.version]));
  };
  const have = versions(installed);
  // Optional packages of other platforms are in the lock file only.
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).every(
    ([path, entry]) => path === '' || entry.optional || have.get(path) === entry.version,
  );
}
