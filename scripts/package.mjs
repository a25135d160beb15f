// `npm run package`: a production build and the .vsix, one for every platform. Prints its path last.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDependencies } from './lib/dependencies.mjs';
import { packageExtension } from './lib/packageExtension.mjs';
import { root } from './lib/run.mjs';

await ensureDependencies();
const target = join(root, 'quantscope.vsix');
rmSync(target, { force: true });
await packageExtension(target);
console.log(target);
