import { malformed, QuantscopeError, toErrorDetails } from '../core/errors';
import type * as ast from '../engine/forward/syntax/ast';
import { parsePython } from '../engine/forward/syntax/parsePython';

/** A Python file or a notebook as parsed sources; what cannot be parsed of a notebook is listed. */
export interface ParsedSource {
  readonly files: readonly ast.SourceFile[];
  readonly problems: readonly string[];
}

/** Cells of a notebook that are looked at. */
const maxCells = 2_000;

export function parseSource(text: string, name: string): ParsedSource {
  if (!/\.ipynb$/i.test(name)) return { files: [parsePython(text, name)], problems: [] };
  const files: ast.SourceFile[] = [];
  const problems: string[] = [];
  for (const [i, cell] of codeCells(text, name).entries()) {
    if (i >= maxCells) break;
    try {
      files.push(parsePython(withoutMagics(cell), `${name}, cell ${i + 1}`));
    } catch (error) {
      if (!(error instanceof QuantscopeError)) throw error;
      problems.push(`cell ${i + 1}: ${toErrorDetails(error).message}`);
    }
  }
  return { files, problems };
}

/** The source of every code cell: a string or a list of lines. */
export function codeCells(text: string, name: string): string[] {
  let notebook: unknown;
  try {
    notebook = JSON.parse(text);
  } catch {
    throw malformed('E_NOTEBOOK', 'The notebook is not JSON.', { where: { file: name } });
  }
  const cells = property(notebook, 'cells');
  if (!Array.isArray(cells))
    throw malformed('E_NOTEBOOK', 'The notebook has no list of cells.', { where: { file: name } });
  return cells
    .filter((cell) => property(cell, 'cell_type') === 'code')
    .map((cell) => {
      const source = property(cell, 'source');
      return Array.isArray(source) ? source.map(String).join('') : String(source ?? '');
    });
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** `%matplotlib` and `!pip` become empty lines, so that the numbers of lines stay. */
function withoutMagics(cell: string): string {
  return cell
    .split('\n')
    .map((line) => (/^\s*[%!?]/.test(line) ? '' : line))
    .join('\n');
}
