import type { AbortCheck } from '../core/abort';
import { QuantscopeError } from '../core/errors';
import { findModuleClasses } from '../core/moduleClasses';
import { codeCells } from '../model/sourceFiles';
import type { ModuleClassDto } from '../protocol/forwardDto';
import type { OpenSource } from './openSource';
import { readText } from './readText';

/** Bytes of a file that is looked through; pictures in a notebook's outputs count. */
const maxBytes = 16 * 1024 * 1024;
/** Files of one question. */
const maxFiles = 500;

/** The nn.Module classes of Python files and notebooks; files that cannot be read are left out. */
export async function moduleClasses(
  paths: readonly string[],
  openSource: OpenSource,
  abort: AbortCheck,
): Promise<ModuleClassDto[]> {
  const found: ModuleClassDto[] = [];
  for (const path of paths.slice(0, maxFiles)) {
    abort.throwIfAborted();
    const text = await readIfReadable(path, openSource);
    if (text === undefined) continue;
    if (!/\.ipynb$/i.test(path)) {
      found.push(...findModuleClasses(text).map(({ name, line }) => ({ path, className: name, line, cell: null })));
      continue;
    }
    for (const [cell, source] of cellsOf(text, path).entries())
      found.push(...findModuleClasses(source).map(({ name, line }) => ({ path, className: name, line, cell })));
  }
  return found;
}

async function readIfReadable(path: string, openSource: OpenSource): Promise<string | undefined> {
  try {
    return await readText(openSource, path, maxBytes, ['E_PY_LIMIT', 'The source is too long.']);
  } catch (error) {
    if (error instanceof QuantscopeError) return undefined;
    throw error;
  }
}

function cellsOf(text: string, path: string): readonly string[] {
  try {
    return codeCells(text, path);
  } catch (error) {
    if (error instanceof QuantscopeError) return [];
    throw error;
  }
}
