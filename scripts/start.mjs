// `npm start`: installs what is missing, builds, writes the recipe's LSTM into a sample workspace
// and opens it with the extension loaded: in the desktop VS Code where there is one, else in a
// downloaded one, else in a VS Code server. `npm start -- --server` goes to the server at once.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDependencies } from './lib/dependencies.mjs';
import { downloadedCode, installedCode } from './lib/desktop.mjs';
import { cache, root, run } from './lib/run.mjs';
import { developmentUrl, ensureServer, startServer } from './lib/vscodeServer.mjs';

const unknown = process.argv.slice(2).filter((argument) => argument !== '--server');
if (unknown.length > 0) {
  console.error(`npm start takes no ${unknown.join(' ')}; it takes --server.`);
  process.exit(2);
}

await ensureDependencies();
await run(process.execPath, ['esbuild.mjs'], { shell: false });
const sample = join(cache, 'sample');
const model = join(sample, 'recipe_lstm.pt');
mkdirSync(sample, { recursive: true });
await run(process.execPath, [join(root, 'dist', 'cli.js'), 'recipe', '--write', model], { shell: false });

const code = process.argv.includes('--server') ? undefined : (installedCode() ?? (await downloadedCode()));
if (code === undefined) await openInServer();
else openInDesktop(code);

function openInDesktop(program) {
  console.log(`Opening ${model} in ${program} …`);
  const args = [`--extensionDevelopmentPath=${root}`, '--new-window', sample, model];
  spawn(program, args, { stdio: 'ignore', detached: true, shell: process.platform === 'win32' }).unref();
}

async function openInServer() {
  await ensureServer();
  const server = await startServer({ profile: join(cache, 'server-profile') });
  console.log(`Open this address in a browser, then click recipe_lstm.pt:\n\n  ${developmentUrl(server, sample)}\n`);
  console.log('Ctrl+C stops the server.');
  const stop = () => {
    server.stop();
    process.exit(0);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  await server.exited;
}
