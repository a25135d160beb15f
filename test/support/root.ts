import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function findRoot(folder: string): string {
  return existsSync(join(folder, 'biome.json')) ? folder : findRoot(dirname(folder));
}

/** The folder of the repository, wherever the compiled test lies. */
export const root = findRoot(__dirname);
