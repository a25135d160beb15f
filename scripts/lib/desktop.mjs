import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cache, find } from './run.mjs';

const macProgram = '/Applications/Visual Studio Code.app/Contents/Resources/app/bin/code';

/** The desktop VS Code of this machine, or undefined. Root and machines without a display have none to open. */
export function installedCode() {
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return undefined;
  if (process.getuid?.() === 0) return undefined;
  return find('code') ?? find('code-insiders') ?? (existsSync(macProgram) ? macProgram : undefined);
}

/** The VS Code that @vscode/test-electron downloads, or undefined where it cannot be had or shown. */
export async function downloadedCode() {
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return undefined;
  const { downloadAndUnzipVSCode } = await import('@vscode/test-electron');
  try {
    return await downloadAndUnzipVSCode({ cachePath: join(cache, 'vscode-desktop') });
  } catch (error) {
    console.log(`VS Code could not be downloaded (${error.message}); starting the VS Code server instead.`);
    return undefined;
  }
}
