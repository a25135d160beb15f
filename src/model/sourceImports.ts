import { unsupported } from '../core/errors';
import { packageNamed } from '../engine/forward/source/namespaces';
import { absoluteName, type LibraryModule, packageOf } from '../engine/forward/source/sourceLibrary';
import type * as ast from '../engine/forward/syntax/ast';
import { parsePython } from '../engine/forward/syntax/parsePython';

/** A file of the workspace that a source imports, as text. */
export interface SourceModule {
  /** Dotted, from the root of imports. */
  readonly name: string;
  /** From the root: `models/layers.py`. */
  readonly path: string;
  readonly text: string;
}

/** Files of one model: a package of a few dozen is large. */
const maxModules = 100;
/** Names that are looked for on the disk. */
const maxTries = 2_000;
/** Characters of all files; one file has its own limit. */
const maxText = 8_000_000;

/**
 * Every file that the sources import, and that these import, as far as `read` has them: it gets
 * paths below the root of imports and gives undefined where there is no file. Nothing else is
 * looked into: no sys.path, no installed package.
 */
export async function gatherModules(
  main: readonly ast.SourceFile[],
  mainPackage: string,
  read: (path: string) => Promise<string | undefined>,
): Promise<SourceModule[]> {
  const found = new Map<string, SourceModule>();
  const tried = new Set<string>();
  let length = 0;
  const pending: { file: ast.SourceFile; packageName: string }[] = main.map((file) => ({
    file,
    packageName: mainPackage,
  }));
  const attempt = async (path: string, name: string): Promise<boolean> => {
    if (tried.has(path)) return found.has(name);
    tried.add(path);
    if (tried.size > maxTries) throw tooMany(`more than ${maxTries} names`);
    const text = await read(path);
    if (text === undefined) return false;
    length += text.length;
    if (found.size >= maxModules || length > maxText) throw tooMany(`${found.size + 1} files of ${length} characters`);
    const module = { name, path, text };
    found.set(name, module);
    pending.push({ file: parsePython(text, path), packageName: packageOf(libraryName(module)) });
    return true;
  };
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const name of importedNames(next.file, next.packageName, mainPackage)) {
      const parts = name.split('.');
      for (let i = 1; i <= parts.length; i++) {
        const path = parts.slice(0, i).join('/');
        const dotted = parts.slice(0, i).join('.');
        if (!(await attempt(`${path}.py`, dotted))) await attempt(`${path}/__init__.py`, dotted);
      }
    }
  }
  return [...found.values()];
}

function tooMany(what: string) {
  return unsupported('E_PY_LIMIT', 'The source imports too many files.', {
    found: what,
    expected: `at most ${maxModules} files of ${maxText} characters`,
  });
}

/** Dotted names that a file's imports may mean: `from a import b` is a value of a, or the file a/b.py. */
function importedNames({ body }: ast.SourceFile, packageName: string, mainPackage: string): Set<string> {
  const names = new Set<string>();
  const add = (name: string) => {
    if (name.split('.').every((part) => /^[A-Za-z_]\w*$/.test(part))) names.add(name);
  };
  for (const statement of importStatements(body)) {
    const { from } = statement;
    for (const { name } of statement.names) {
      const whole = from === '' ? name : absoluteName(from, packageName);
      if (whole === undefined) continue;
      if (!from.startsWith('.') && packageNamed(whole.split('.')[0]) !== undefined) continue;
      const wanted = from === '' || name === '*' ? [whole] : [whole, whole === '' ? name : `${whole}.${name}`];
      for (const one of wanted.filter((each) => each !== '')) {
        add(one);
        if (!from.startsWith('.') && mainPackage !== '') add(`${mainPackage}.${one}`);
      }
    }
  }
  return names;
}

/** The imports of a file, inside functions and branches too. Those for type checkers alone never run. */
function importStatements(body: readonly ast.Statement[]): ast.Import[] {
  const found: ast.Import[] = [];
  const pending = [...body];
  for (let statement = pending.pop(); statement !== undefined; statement = pending.pop()) {
    if (statement.kind === 'Import') found.push(statement);
    if ('body' in statement && !(statement.kind === 'If' && isTypeChecking(statement.test)))
      pending.push(...statement.body);
    if ('orElse' in statement) pending.push(...statement.orElse);
  }
  return found;
}

function isTypeChecking(test: ast.Expression): boolean {
  const name = test.kind === 'Name' ? test.id : test.kind === 'Attribute' ? test.attribute : '';
  return name === 'TYPE_CHECKING';
}

function libraryName({ name, path }: Pick<SourceModule, 'name' | 'path'>) {
  return { name, isPackage: path.endsWith('/__init__.py') };
}

export function libraryModules(modules: readonly SourceModule[]): LibraryModule[] {
  return modules.map((module) => ({ ...libraryName(module), file: parsePython(module.text, module.path) }));
}
