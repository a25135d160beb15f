import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Expected } from './fixtures';
import { fixturePath } from './fixtures';

/** One file that PyTorch wrote, with what PyTorch says of its model. */
export interface Container {
  /** `torch-2.13/mlp.legacy.pth`. */
  readonly label: string;
  readonly path: string;
  readonly model: string;
  /** What the name says: `pt`, `legacy.pth`, `fbgemm.quantized_module.pt`. */
  readonly kind: string;
  readonly expected: Expected;
}

/**
 * Every PyTorch file among the fixtures. Set QUANTSCOPE_CORPUS to a folder with more of them
 * (`torch-*` folders with `NAME.expected.json` beside the files) to look further than the suite does.
 */
export function containers(): Container[] {
  const roots = [fixturePath(), process.env.QUANTSCOPE_CORPUS].filter((root) => root !== undefined);
  return roots.flatMap((root) =>
    readdirSync(root)
      .filter((folder) => /^torch-[\d.]+$/.test(folder))
      .flatMap((folder) => containersOf(join(root, folder), folder)),
  );
}

function containersOf(folder: string, label: string): Container[] {
  return readdirSync(folder)
    .filter((name) => /\.(pt|pth|ckpt)$/.test(name))
    .map((name) => {
      const [model, ...rest] = name.split('.');
      const path = join(folder, name);
      const expected = JSON.parse(readFileSync(join(folder, `${model}.expected.json`), 'utf8')) as Expected;
      return { label: `${label}/${name}`, path, model, kind: rest.join('.'), expected };
    });
}
