import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fixturePath } from './fixtures';
import type { TorchBuild } from './goldens';
import { root } from './root';

const exec = promisify(execFile);

/** A Python with a real PyTorch. */
export interface Python extends TorchBuild {
  readonly path: string;
}

/** The system's PyTorch (Debian's is 1.13), and a current one: scripts/lib/python.mjs installs both. */
const places = {
  system: { variable: 'QUANTSCOPE_PYTHON_SYSTEM', fallback: '/usr/bin/python3' },
  current: { variable: 'QUANTSCOPE_PYTHON_CURRENT', fallback: join(root, '.cache', 'python', 'bin', 'python') },
} as const;

export type PythonName = keyof typeof places;

/** Some scripts take a while: a PyTorch alone needs seconds to start. */
const timeout = 300_000;

const known = new Map<PythonName, Python | undefined>();

function pathOf(name: PythonName): string {
  return process.env[places[name].variable] || places[name].fallback;
}

function lookUp(name: PythonName): Python | undefined {
  const path = pathOf(name);
  if (!existsSync(path)) return undefined;
  try {
    const build = execFileSync(path, [fixturePath('goldens.py'), '--build'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return { path, ...(JSON.parse(build) as TorchBuild) };
  } catch {
    return undefined;
  }
}

function pythonOf(name: PythonName): Python | undefined {
  if (!known.has(name)) known.set(name, lookUp(name));
  return known.get(name);
}

/** Runs a script of test/interop/python, or one by its path, and gives what it prints. */
export async function runPython(python: Python, script: string, ...args: string[]): Promise<string> {
  const file = script.includes('/') ? script : join(root, 'test', 'interop', 'python', script);
  try {
    const { stdout } = await exec(python.path, [file, ...args], { timeout, maxBuffer: 256 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const words = (stderr ?? '').split('\n').filter((line) => !line.includes('qnnpack incorrectly ignores'));
    throw new Error(`${script} under torch ${python.torch}: ${words.slice(-15).join('\n') || message}`);
  }
}

/** The same, for a script that prints one JSON document. */
export async function askPython<T>(python: Python, script: string, ...args: string[]): Promise<T> {
  return JSON.parse(await runPython(python, script, ...args)) as T;
}

/**
 * A `describe` for each PyTorch named. One that is not installed becomes a skipped test that says
 * so; under CI a missing system PyTorch fails instead.
 */
export function describeWithTorch(
  title: string,
  define: (python: Python) => void,
  names: readonly PythonName[] = ['system', 'current'],
): void {
  for (const name of names) {
    const python = pythonOf(name);
    describe(`${title}, torch ${python?.torch ?? `(${name})`}`, function () {
      this.timeout(timeout);
      if (python !== undefined) {
        define(python);
        return;
      }
      it(`needs the ${name} PyTorch: ${advice[name]}`, function () {
        if (name === 'system' && process.env.CI) throw new Error(`No PyTorch in ${pathOf(name)}.`);
        this.skip();
      });
    });
  }
}

const advice: Readonly<Record<PythonName, string>> = {
  system: 'install python3-torch, or name a Python in QUANTSCOPE_PYTHON_SYSTEM',
  current: 'npm run test:interop installs one where pip can, or name a Python in QUANTSCOPE_PYTHON_CURRENT',
};
