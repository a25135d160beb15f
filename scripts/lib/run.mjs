import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const cache = join(root, '.cache');

/** npm as a program that every platform can start. */
export const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** Runs a command with its output shown; rejects with its words when it fails. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: 'inherit',
      cwd: root,
      shell: process.platform === 'win32',
      ...options,
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? code}`));
    });
  });
}

/** Where a program on the PATH is, or undefined. */
export function find(program) {
  const finder = process.platform === 'win32' ? 'where' : 'which';
  const { status, stdout } = spawnSync(finder, [program], { encoding: 'utf8' });
  return status === 0 ? stdout.split(/\r?\n/)[0] : undefined;
}

export function has(program) {
  return find(program) !== undefined;
}

/** Whether this is root on a system with apt: the one package manager that the scripts use by themselves. */
export function canUseApt() {
  return process.getuid?.() === 0 && has('apt-get');
}

let updated = false;

/** Installs Debian packages; only where canUseApt(). */
export async function aptInstall(...packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const stdio = ['ignore', 'ignore', 'inherit'];
  if (!updated) await run('apt-get', ['update', '-qq'], { env, stdio });
  updated = true;
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env, stdio });
}
