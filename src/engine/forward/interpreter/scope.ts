import type * as ast from '../syntax/ast';

/** The names of a function and where they live while it runs: one slot each. */
export class Scope {
  private readonly slots = new Map<string, number>();
  private count = 0;

  constructor(readonly parent: Scope | undefined) {}

  get size(): number {
    return this.count;
  }

  declare(name: string): number {
    const found = this.slots.get(name);
    if (found !== undefined) return found;
    this.slots.set(name, this.count);
    return this.count++;
  }

  /** Gives `names` new slots while `work` runs: a comprehension's targets are its own. */
  shadow<T>(names: readonly string[], work: () => T): T {
    const before = names.map((name) => [name, this.slots.get(name)] as const);
    for (const name of names) this.slots.set(name, this.count++);
    const result = work();
    for (const [name, slot] of before) {
      if (slot === undefined) this.slots.delete(name);
      else this.slots.set(name, slot);
    }
    return result;
  }

  /** How many functions outwards a name lives, and in which slot; undefined for a global. */
  resolve(name: string): { readonly depth: number; readonly slot: number } | undefined {
    let depth = 0;
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent, depth++) {
      const slot = scope.slots.get(name);
      if (slot !== undefined) return { depth, slot };
    }
    return undefined;
  }
}

/** Every name that a body assigns: Python makes those local for the whole function. */
export function assignedNames(body: readonly ast.Statement[]): string[] {
  const names: string[] = [];
  const pending = [...body];
  for (let statement = pending.pop(); statement !== undefined; statement = pending.pop()) {
    switch (statement.kind) {
      case 'Assign':
        for (const target of statement.targets) names.push(...targetNames(target));
        break;
      case 'AugmentedAssign':
      case 'AnnotatedAssign':
        names.push(...targetNames(statement.target));
        break;
      case 'For':
        names.push(...targetNames(statement.target));
        pending.push(...statement.body, ...statement.orElse);
        break;
      case 'If':
      case 'While':
        pending.push(...statement.body, ...statement.orElse);
        break;
      case 'With':
        pending.push(...statement.body);
        break;
      case 'Function':
      case 'Class':
        names.push(statement.name);
        break;
      case 'Import':
        for (const { as } of statement.names) names.push(as);
        break;
      case 'OptionalImport':
        pending.push(...statement.body, ...statement.orElse);
        break;
      default:
    }
  }
  return names;
}

export function targetNames(target: ast.Expression): string[] {
  if (target.kind === 'Name') return [target.id];
  if (target.kind === 'Starred') return targetNames(target.value);
  if (target.kind === 'Tuple' || target.kind === 'List') return target.items.flatMap(targetNames);
  return [];
}
