import { join } from 'node:path';
import { root, run } from './run.mjs';

/** Builds for production and packs the extension into `target`; dist/ is left as a production build. */
export async function packageExtension(target) {
  await run(process.execPath, ['esbuild.mjs', '--production'], { shell: false });
  const vsce = join(root, 'node_modules', '@vscode', 'vsce', 'vsce');
  await run(
    process.execPath,
    [
      vsce,
      'package',
      '--no-dependencies',
      '--no-rewrite-relative-links',
      '--allow-missing-repository',
      '--out',
      target,
    ],
    {
      shell: false,
    },
  );
}
