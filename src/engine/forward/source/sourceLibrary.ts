import { invalid, unsupported } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import type * as ast from '../syntax/ast';
import { Namespace, type Value } from '../values/values';
import { packageNamed } from './namespaces';
import { SourceProgram } from './sourceProgram';

/** A Python file that the model's file may import. */
export interface LibraryModule {
  /** `utils`, `models.layers`. */
  readonly name: string;
  /** An `__init__.py`: the name is its folder's. */
  readonly isPackage: boolean;
  readonly file: ast.SourceFile;
}

/** The package that a module's relative imports start from. */
export function packageOf({ name, isPackage }: Pick<LibraryModule, 'name' | 'isPackage'>): string {
  return isPackage ? name : name.split('.').slice(0, -1).join('.');
}

/** `from ..a import b` of a module in `packageName`: the dotted name that `..a` stands for; undefined above the top. */
export function absoluteName(from: string, packageName: string): string | undefined {
  const level = /^\.*/.exec(from)?.[0].length ?? 0;
  if (level === 0) return from;
  const parts = packageName === '' ? [] : packageName.split('.');
  if (level - 1 > parts.length) return undefined;
  const rest = from.slice(level);
  return [...parts.slice(0, parts.length - (level - 1)), ...(rest === '' ? [] : [rest])].join('.');
}

/**
 * The files of a workspace that a model's file imports. They were read before anything runs: an
 * import is a look into this table, and each name is evaluated when it is first asked for.
 */
export class SourceLibrary {
  private readonly programs = new Map<string, SourceProgram>();
  private readonly known = new Set<string>();
  private readonly namespaces = new Map<string, Namespace>();

  /** `mainPackage` is where the model's own file is: its neighbours can be imported by their bare names. */
  constructor(
    modules: readonly LibraryModule[],
    private readonly mainPackage: string,
  ) {
    for (const module of modules) {
      this.programs.set(module.name, new SourceProgram([module.file], this, packageOf(module)));
      const parts = module.name.split('.');
      for (let i = 1; i <= parts.length; i++) this.known.add(parts.slice(0, i).join('.'));
    }
  }

  start(run: Run): void {
    for (const program of this.programs.values()) program.start(run);
  }

  /** What a name means that an import statement gives; undefined where the table has nothing of it. */
  find({ from, names, line }: ast.Import, as: string, packageName: string): Value | undefined {
    const entry = names.find((one) => one.as === as);
    const wanted = entry?.name ?? as;
    if (from === '') {
      const [top] = wanted.split('.');
      const name = this.place(as === top ? top : wanted);
      return name === undefined ? undefined : this.namespace(name);
    }
    const base = this.source(from, packageName, line);
    if (base === undefined) return undefined;
    const inside = base === '' ? wanted : `${base}.${wanted}`;
    const found = this.programs.get(base)?.own(wanted) ?? (this.known.has(inside) ? this.namespace(inside) : undefined);
    if (found === undefined && this.programs.has(base)) {
      throw invalid('E_PY_IMPORT', `ImportError: cannot import name '${wanted.slice(0, 80)}' from '${base}'`, {
        where: { field: `line ${line}` },
      });
    }
    return found;
  }

  /** A name that `from FROM import *` brings. */
  star(from: string, name: string, packageName: string): Value | undefined {
    const base = this.source(from, packageName, 0);
    return base === undefined || name.startsWith('_') ? undefined : this.programs.get(base)?.own(name);
  }

  private source(from: string, packageName: string, line: number): string | undefined {
    const absolute = absoluteName(from, packageName);
    if (absolute === undefined) {
      throw unsupported('E_PY_IMPORT', `from ${from} import …: this leads above the folder that is looked into.`, {
        where: { field: `line ${line}` },
        hint: 'Name the folder of the whole project as the root of imports.',
      });
    }
    if (from.startsWith('.')) return absolute;
    return this.place(absolute);
  }

  /** An absolute name from the root, or beside the model's file; what Quantscope brings along comes first. */
  private place(name: string): string | undefined {
    if (packageNamed(name.split('.')[0]) !== undefined) return undefined;
    if (this.known.has(name)) return name;
    const beside = this.mainPackage === '' ? name : `${this.mainPackage}.${name}`;
    return this.known.has(beside) ? beside : undefined;
  }

  private namespace(name: string): Namespace {
    const known = this.namespaces.get(name);
    if (known !== undefined) return known;
    const made = new Namespace(name, (wanted) => {
      const inside = `${name}.${wanted}`;
      return this.programs.get(name)?.own(wanted) ?? (this.known.has(inside) ? this.namespace(inside) : undefined);
    });
    this.namespaces.set(name, made);
    return made;
  }
}
