// `npm run package`: a production build and the .vsix, one for every platform. Prints its path last;
// `npm run package -- FILE` writes it there.
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { ensureDependencies } from './lib/dependencies.mjs';
import { packageExtension } from './lib/packageExtension.mjs';
import { root } from './lib/run.mjs';

await ensureDependencies();
const target = resolve(root, process.argv[2] ?? 'quantscope.vsix');
rmSync(target, { force: true });
await packageExtension(target);
console.log(target);
