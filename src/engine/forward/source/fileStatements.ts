import { unsupported } from '../../../core/errors';
import type * as ast from '../syntax/ast';
import type { Value } from '../values/values';
import { packageNamed } from './namespaces';

/** What stands at the top of a file besides functions, classes and assignments. */

/** Statements of a file that give names in one case or another. */
export const isBranch = (statement: ast.Statement): statement is ast.If | ast.OptionalImport =>
  statement.kind === 'If' || statement.kind === 'OptionalImport';

/** `if __name__ == '__main__':`, which is for running the file itself. */
export function isMainGuard(statement: ast.If | ast.OptionalImport): boolean {
  const test = statement.kind === 'If' && statement.test.kind === 'Compare' ? statement.test : undefined;
  return (
    test !== undefined && [test.left, ...test.comparators].some((one) => one.kind === 'Name' && one.id === '__name__')
  );
}

/** What a name stands for that is imported from a package that Quantscope knows; no import is ever run. */
export function importedName({ from, names, line }: ast.Import, as: string): Value {
  const entry = names.find((one) => one.as === as);
  const wanted = entry?.name ?? as;
  const path =
    from === ''
      ? entry !== undefined && entry.as !== entry.name.split('.')[0]
        ? entry.name
        : wanted.split('.')[0]
      : from;
  const space = packageNamed(path);
  const refused = () =>
    unsupported(
      'E_PY_IMPORT',
      `import ${from === '' ? wanted : `${from}.${wanted}`}: no import is run, and this package is not among those that Quantscope knows.`,
      {
        where: { field: `line ${line}` },
        hint: 'Known are torch, math, copy, dataclasses, functools, typing, numpy’s numbers and einops, and Python files beside the model’s.',
      },
    );
  if (space === undefined) throw refused();
  if (from === '') return space;
  const found = packageNamed(`${from}.${wanted}`) ?? space.lookup(wanted);
  if (found === undefined) throw refused();
  return found;
}

/** `a.b.c` of a name with attributes; empty parts where there is something else. */
export function dotted(node: ast.Expression): string {
  if (node.kind === 'Name') return node.id;
  return node.kind === 'Attribute' ? `${dotted(node.value)}.${node.attribute}` : '';
}
