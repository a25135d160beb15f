// Finds or installs the two PyTorches that the interop suite talks to: the system's, which on
// Debian is 1.13, and a current one in a virtual environment.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { aptInstall, cache, canUseApt, find, run } from './run.mjs';

const windows = process.platform === 'win32';
const environment = join(cache, 'python');
const environmentPython = windows ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python');
const systemPython = '/usr/bin/python3';

/** What the interop scripts import in the current environment. */
const packages = ['torch', 'numpy', 'onnx', 'onnxruntime', 'safetensors', 'gguf'];

/** Families of models for the whole-model proof, which has more of them with torchvision, if it fits this torch, too. */
const families = ['transformers'];

/** The CPU build of PyTorch, where it can be reached: the one of the package index brings a gigabyte of CUDA. */
const cpuIndex = 'https://download.pytorch.org/whl/cpu';

/** Whether a Python is there and imports these modules. */
function imports(python, ...modules) {
  if (!existsSync(python)) return false;
  return spawnSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' }).status === 0;
}

/**
 * The environment variables by which test/support/pythons.ts finds both; one that is missing is
 * left out, and the suite says so.
 */
export async function pythonEnvironment() {
  const found = { QUANTSCOPE_PYTHON_SYSTEM: await systemTorch(), QUANTSCOPE_PYTHON_CURRENT: await currentTorch() };
  return Object.fromEntries(Object.entries(found).filter(([, path]) => path !== undefined));
}

async function systemTorch() {
  const named = process.env.QUANTSCOPE_PYTHON_SYSTEM;
  if (named) return named;
  if (imports(systemPython, 'torch', 'numpy')) return systemPython;
  if (!canUseApt()) return undefined;
  console.log('Installing python3-torch for the interop tests …');
  try {
    await aptInstall('python3-torch', 'python3-numpy');
  } catch (error) {
    console.error(`python3-torch could not be installed: ${error.message}`);
  }
  return imports(systemPython, 'torch', 'numpy') ? systemPython : undefined;
}

async function currentTorch() {
  const named = process.env.QUANTSCOPE_PYTHON_CURRENT;
  if (named) return named;
  if (imports(environmentPython, ...packages)) return environmentPython;
  console.log('Installing a current PyTorch into .cache/python for the interop tests …');
  try {
    await createEnvironment();
    // No retries: where there is no index, the suite should say so soon.
    const patience = ['--retries', '0', '--timeout', '20'];
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location'];
    const args = ['-m', 'pip', 'install', ...quiet, ...patience, '--extra-index-url', cpuIndex, ...packages];
    await run(environmentPython, args, { stdio: ['ignore', 'ignore', 'ignore'] });
    const optional = [...args.slice(0, -packages.length), ...families];
    await run(environmentPython, optional, { stdio: ['ignore', 'ignore', 'ignore'] }).catch(({ message }) =>
      console.error(`Without ${families.join(' and ')} fewer models are compared: ${message}`),
    );
  } catch (error) {
    console.error(`A current PyTorch could not be installed: ${error.message}`);
  }
  return imports(environmentPython, ...packages) ? environmentPython : undefined;
}

/** An environment with pip in it. Debian's own Python needs python3-venv for that. */
async function createEnvironment() {
  if (imports(environmentPython, 'pip')) return;
  const quiet = { stdio: ['ignore', 'ignore', 'ignore'] };
  for (const python of [find('python3'), find('python'), systemPython]) {
    if (python === undefined || !existsSync(python)) continue;
    rmSync(environment, { recursive: true, force: true });
    if (python === systemPython && canUseApt()) await aptInstall('python3-venv');
    await run(python, ['-m', 'venv', environment], quiet).catch(() => undefined);
    if (imports(environmentPython, 'pip')) return;
  }
  throw new Error('no Python here can make a virtual environment');
}
