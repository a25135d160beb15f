import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Inspector, type InspectorPage } from './inspectorPage';

export interface InspectorSuite {
  /** A file in the suite's own folder, which is removed with everything in it. */
  at(name: string): string;
  /** Opens a model file in the inspector; the page is closed after the test. */
  show(...args: Parameters<Inspector['open']>): Promise<InspectorPage>;
  /** Closes the page that was opened last. */
  closeLast(): Promise<void>;
}

/** One browser and one folder for the suite in whose body this is called. */
export function inspectorSuite(): InspectorSuite {
  let inspector: Inspector;
  let folder: string;
  const open: InspectorPage[] = [];
  before(async () => {
    inspector = await Inspector.start();
    folder = await mkdtemp(join(tmpdir(), 'quantscope-ui-'));
  });
  afterEach(async () => {
    for (const page of open.splice(0)) await page.close();
  });
  after(async () => {
    await inspector?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    at: (name) => join(folder, name),
    async show(...args) {
      const page = await inspector.open(...args);
      open.push(page);
      return page;
    },
    closeLast: async () => open.pop()?.close(),
  };
}
