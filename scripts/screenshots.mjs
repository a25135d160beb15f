// `npm run screenshots`: pictures of every view in two themes, into media/. The README and the
// walkthrough show them. The page is the real one with the real engine behind it, in a browser.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ensureDependencies } from './lib/dependencies.mjs';
import { palettePng } from './lib/palettePng.mjs';
import { root, run } from './lib/run.mjs';

await ensureDependencies();
await run(process.execPath, ['esbuild.mjs', '--tests', '--production']);

const require = createRequire(import.meta.url);
const { Inspector } = require(join(root, 'out', 'test', 'ui', 'support', 'inspectorPage.js'));
const { views, walkthroughViews } = require(join(root, 'out', 'test', 'ui', 'support', 'views.js'));

const sets = [
  { folder: 'screenshots', views, size: { width: 1012, height: 744 } },
  { folder: 'walkthrough', views: walkthroughViews, size: { width: 900, height: 620 } },
];

const inspector = await Inspector.start();
try {
  for (const { folder, views: list, size } of sets) {
    mkdirSync(join(root, 'media', folder), { recursive: true });
    for (const view of list) {
      for (const theme of ['dark', 'light']) {
        const frame = view.size ?? (view.kind === 'side' ? { width: 320, height: 360 } : size);
        const shown = await inspector.open(view.file, { theme, kind: view.kind, ...frame });
        await view.show(shown);
        // Hover and focus are nobody's here.
        await shown.page.mouse.move(0, 0);
        await shown.page.waitForTimeout(400);
        const name = `${view.name}-${theme}.png`;
        const png = palettePng(await shown.page.screenshot());
        writeFileSync(join(root, 'media', folder, name), png);
        console.log(`media/${folder}/${name}: ${(png.length / 1000).toFixed(1)} KB`);
        await shown.close();
      }
    }
  }
} finally {
  await inspector.stop();
}
process.exit(0);
