import { invalid, unsupported } from '../../../core/errors';
import { getAttribute } from '../interpreter/attributes';
import { compileExpression } from '../interpreter/compileExpression';
import { isMissingImport } from '../interpreter/compileStatement';
import type { Dialect } from '../interpreter/dialect';
import { atLine, Frame } from '../interpreter/frame';
import { PyFunction } from '../interpreter/pyFunction';
import type { Run } from '../interpreter/run';
import { assignedNames, Scope, targetNames } from '../interpreter/scope';
import { itemsOf } from '../operators/script';
import { bindFields } from '../script/namedTuple';
import type * as ast from '../syntax/ast';
import { parsePython } from '../syntax/parsePython';
import { truthy } from '../values/protocols';
import { Builtin, type MemberKind, type Namespace, PyClass, PyObject, type Value } from '../values/values';
import { builtins } from './builtins';
import { dotted, importedName, isBranch, isMainGuard } from './fileStatements';
import { moduleClass } from './moduleClass';
import { composedClasses, nn, packageNamed } from './namespaces';
import { setAttribute } from './nativeDialect';
import { prelude } from './prelude';
import type { SourceLibrary } from './sourceLibrary';

/** A global name before it is needed: the statement that gives it. */
interface Pending {
  readonly statement: ast.Statement;
  readonly name: string;
  readonly dialect: Dialect;
  /** What gave the name above, where the statement may give none. */
  readonly before: Pending | undefined;
}

/**
 * A Python file, or the cells of a notebook, as global names. Only imports, classes, functions
 * and assignments count; each is evaluated when the model first asks for its name, so that code
 * around the model (training, printing) never runs.
 */
export class SourceProgram {
  private readonly pending = new Map<string, Pending>();
  private readonly values = new Map<string, Value>();
  private readonly evaluating = new Set<string>();
  readonly classes: ast.ClassStatement[] = [];
  /** Of the file or cell whose statement is being evaluated. */
  private dialect: Dialect;
  private run: Run | undefined;

  /** Modules of which all names are imported, the last one first. */
  private readonly stars: string[] = [];

  /** `library` has the files beside it; `packageName` is where relative imports start. */
  constructor(
    files: readonly ast.SourceFile[],
    private readonly library?: Pick<SourceLibrary, 'find' | 'star'>,
    private readonly packageName = '',
  ) {
    this.dialect = this.dialectOf('');
    for (const { name, body } of files) {
      this.dialect = this.dialectOf(name);
      this.collect(body);
    }
  }

  private get file(): string {
    return this.dialect.file;
  }

  private dialectOf(file: string): Dialect {
    return {
      file,
      script: false,
      global: (name) => this.global(name),
      qualified: () => undefined,
      imported: (statement, name) => this.imported(statement, name),
      decorate: () => undefined,
      attribute: getAttribute,
      setAttribute,
    };
  }

  /** Makes the names known to a run; values of an earlier run stay. */
  start(run: Run): void {
    this.run = run;
    if (composedClasses.size > 0) return;
    // The modules of torch.nn that are written in Python share one program, without this file's names.
    const composed = new SourceProgram([parsePython(prelude, 'torch/nn')]);
    composed.run = run;
    composed.values.set('nn', nn);
    for (const [name, key] of [
      ['torch', 'torch'],
      ['F', 'torch.nn.functional'],
      ['copy', 'copy'],
    ] as const) {
      composed.values.set(name, packageNamed(key) as Namespace);
    }
    for (const { name } of composed.classes) composedClasses.set(name, composed.global(name) as PyClass);
  }

  private collect(body: readonly ast.Statement[]): void {
    const { dialect } = this;
    for (const statement of body) {
      const remember = (name: string) => {
        const before = isBranch(statement) ? this.pending.get(name) : undefined;
        this.pending.set(name, { statement, name, dialect, before });
      };
      if (statement.kind === 'Function' || statement.kind === 'Class') {
        remember(statement.name);
        if (statement.kind === 'Class') this.classes.push(statement);
      } else if (statement.kind === 'Assign') {
        for (const target of statement.targets) for (const name of targetNames(target)) remember(name);
      } else if (statement.kind === 'AnnotatedAssign') for (const name of targetNames(statement.target)) remember(name);
      else if (isBranch(statement)) {
        if (!isMainGuard(statement)) for (const name of new Set(assignedNames([statement]))) remember(name);
      } else if (statement.kind === 'Import') this.collectImport(statement, remember);
      else if (statement.kind === 'While') {
        throw unsupported(
          'E_PY_UNSUPPORTED',
          'A while loop outside of functions is not part of the Python that Quantscope runs.',
          {
            where: { file: this.file, field: `line ${statement.line}` },
            hint: 'Only imports, classes, functions and assignments of a file are used.',
          },
        );
      }
    }
  }

  private collectImport(statement: ast.Import, remember: (name: string) => void): void {
    for (const { name, as } of statement.names) {
      if (name !== '*') remember(as);
      else if (statement.from === 'torch.nn') this.values.set('nn', nn);
      else this.stars.unshift(statement.from);
    }
  }

  private global(name: string): Value | undefined {
    return this.own(name) ?? builtins.get(name);
  }

  private starred(name: string): Value | undefined {
    for (const from of this.stars) {
      const value = this.library?.star(from, name, this.packageName);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** A name that this file gives; undefined where it gives none. */
  own(name: string): Value | undefined {
    const known = this.values.get(name);
    if (known !== undefined) return known;
    const pending = this.pending.get(name);
    const value = pending === undefined ? undefined : this.given(pending);
    return value === undefined ? this.starred(name) : value;
  }

  private given(pending: Pending): Value | undefined {
    const { name } = pending;
    if (this.evaluating.has(name)) throw invalid('E_RUN_NAME', `The global name ${name} needs itself.`);
    this.evaluating.add(name);
    const outer = this.dialect;
    this.dialect = pending.dialect;
    try {
      const value = this.evaluate(pending);
      if (value !== undefined) this.values.set(name, value);
      return value;
    } catch (error) {
      throw atLine(error, this.file, pending.statement.line);
    } finally {
      this.dialect = outer;
      this.evaluating.delete(name);
    }
  }

  private get current(): Run {
    if (this.run === undefined) throw invalid('E_RUN_NAME', 'The program has not been started.');
    return this.run;
  }

  private evaluate(pending: Pending): Value | undefined {
    const { statement, name, dialect, before } = pending;
    this.current.budget.step();
    switch (statement.kind) {
      case 'Function':
        return this.decorated(statement, this.function(statement, undefined));
      case 'Class':
        return this.makeClass(statement);
      case 'Import':
        return this.imported(statement, name);
      case 'If':
      case 'OptionalImport': {
        const found = this.branch(statement).findLast((one) => assignedNames([one]).includes(name));
        if (found !== undefined) return this.evaluate({ statement: found, name, dialect, before });
        return before && this.evaluate(before);
      }
      case 'Assign':
      case 'AnnotatedAssign':
        return this.assigned(statement, name);
      default:
        throw invalid('E_RUN_NAME', `${name} has no value.`);
    }
  }

  private imported(statement: ast.Import, name: string): Value {
    return this.library?.find(statement, name, this.packageName) ?? importedName(statement, name);
  }

  /** The statements of an `if`, or of a `try` around imports, that count. */
  private branch(statement: ast.If | ast.OptionalImport): readonly ast.Statement[] {
    if (statement.kind === 'If') return truthy(this.expression(statement.test)) ? statement.body : statement.orElse;
    try {
      for (const one of statement.body) {
        if (one.kind === 'Import') for (const { as } of one.names) this.imported(one, as);
      }
      return statement.body;
    } catch (error) {
      if (!isMissingImport(error)) throw error;
      return statement.orElse;
    }
  }

  private function(statement: ast.FunctionStatement, owner: PyClass | undefined): PyFunction {
    const { name, parameters, body, line } = statement;
    const shown = owner === undefined ? name : `${owner.name}.${name}`;
    return new PyFunction(shown, parameters, body, this.dialect, line, undefined, undefined, owner);
  }

  private expression(node: ast.Expression): Value {
    const context = { scope: new Scope(undefined), dialect: this.dialect, owner: undefined, self: undefined };
    const compute = compileExpression(node, context);
    const frame = new Frame(this.current, context.scope.size, undefined);
    frame.line = node.line;
    return compute(frame);
  }

  private assigned(statement: ast.Assign | ast.AnnotatedAssign, name: string): Value {
    if (statement.value === undefined) throw invalid('E_RUN_NAME', `${name} has no value.`);
    const value = this.expression(statement.value);
    const targets = statement.kind === 'Assign' ? statement.targets : [statement.target];
    for (const target of targets) {
      if (target.kind === 'Name' && target.id === name) return value;
      if (target.kind !== 'Tuple' && target.kind !== 'List') continue;
      const at = target.items.findIndex((item) => item.kind === 'Name' && item.id === name);
      if (at >= 0) return itemsOf(this.current, value)[at] ?? null;
    }
    throw invalid('E_RUN_NAME', `${name} has no value.`);
  }

  /** Decorators that change nothing; every other is refused. */
  private decorated(statement: ast.FunctionStatement, value: PyFunction): Value {
    for (const decorator of statement.decorators)
      if (this.decoration(decorator) !== 'plain') throw this.refusedDecorator(decorator);
    return value;
  }

  private decoration(decorator: ast.Expression): MemberKind | undefined {
    const name = dotted(decorator.kind === 'Call' ? decorator.callee : decorator);
    if (name === 'staticmethod') return 'static';
    if (name === 'classmethod') return 'class';
    if (name === 'property' || /(^|\.)cached_property$/.test(name)) return 'property';
    const harmless =
      /^(torch\.)?(no_grad|inference_mode|enable_grad|compile|autocast|jit\.(export|ignore|unused|script|script_method)|cuda\.amp\.autocast)$|^(typing\.)?(override|overload|final)$|^(abc\.)?abstractmethod$/;
    return harmless.test(name) ? 'plain' : undefined;
  }

  private refusedDecorator(decorator: ast.Expression): Error {
    const name = dotted(decorator.kind === 'Call' ? decorator.callee : decorator) || 'of this kind';
    return unsupported('E_PY_UNSUPPORTED', `The decorator ${name} is not part of the Python that Quantscope runs.`, {
      where: { file: this.file, field: `line ${decorator.line}` },
    });
  }

  private makeClass(statement: ast.ClassStatement): PyClass {
    const { name, line } = statement;
    const refuse = (what: string) =>
      unsupported('E_PY_UNSUPPORTED', `${what} is not part of the Python that Quantscope runs.`, {
        where: { file: this.file, field: `line ${line}` },
      });
    if (statement.keywords.length > 0) throw refuse(`A class with ${statement.keywords[0]}=`);
    const decorators = statement.decorators.map((one) => dotted(one.kind === 'Call' ? one.callee : one));
    const record = decorators.some((one) => /^(dataclasses\.)?dataclass$/.test(one));
    if (decorators.length > 0 && !(record && decorators.length === 1))
      throw this.refusedDecorator(statement.decorators[0]);
    const bases = statement.bases.map((base) => this.base(base)).filter((base) => base !== undefined);
    const isModule = bases.some((base) => base.isModule);
    const type = new PyClass(name, bases, isModule, bases.find((base) => base.construct !== undefined)?.construct);
    const named = statement.bases.some((base) => /(^|\.)NamedTuple$/.test(dotted(base)));
    for (const member of statement.body) this.addMember(type, member, refuse);
    if (record || named) this.addRecord(type);
    return type;
  }

  private base(node: ast.Expression): PyClass | undefined {
    const name = dotted(node);
    // Mixins that only describe: nothing of them is called.
    if (
      /^(object|ABC|abc\.ABC|NamedTuple|typing\.NamedTuple|Generic|Protocol)$/.test(name) ||
      node.kind === 'Subscript'
    )
      return undefined;
    const value = this.expression(node);
    if (value instanceof PyClass) return value;
    throw unsupported('E_PY_UNSUPPORTED', `The base class ${name || '?'} is not one of this file or of torch.nn.`, {
      where: { file: this.file, field: `line ${node.line}` },
    });
  }

  private addMember(type: PyClass, member: ast.Statement, refuse: (what: string) => Error): void {
    if (member.kind === 'Function') {
      if (
        /^__(call|getattr|getattribute|setattr|new|del|enter|exit|class_getitem|init_subclass)__$/.test(member.name) &&
        member.name !== '__init__'
      ) {
        throw unsupported(
          'E_PY_UNSUPPORTED',
          `The special method ${member.name} is not part of the Python that Quantscope runs.`,
          { where: { file: this.file, field: `line ${member.line}` } },
        );
      }
      let kind: MemberKind = 'plain';
      for (const decorator of member.decorators) {
        const found = this.decoration(decorator);
        if (found === undefined) throw this.refusedDecorator(decorator);
        if (found !== 'plain') kind = found;
      }
      type.members.set(member.name, { value: this.function(member, type), kind });
    } else if (member.kind === 'Assign') {
      for (const target of member.targets)
        for (const name of targetNames(target))
          type.members.set(name, { value: this.expression(member.value), kind: 'plain' });
    } else if (member.kind === 'AnnotatedAssign' && member.target.kind === 'Name') {
      type.fields.set(member.target.id, member.annotation);
      if (member.value !== undefined)
        type.members.set(member.target.id, { value: this.expression(member.value), kind: 'plain' });
    } else if (member.kind !== 'Pass' && member.kind !== 'Expression' && member.kind !== 'Class')
      throw refuse('A statement of this kind in a class');
  }

  /** @dataclass: an `__init__` of the annotated fields, those of the bases first. */
  private addRecord(type: PyClass): void {
    const fields = new Map<string, PyClass>();
    const gather = (one: PyClass): void => {
      one.bases.forEach(gather);
      for (const field of one.fields.keys()) fields.set(field, one);
    };
    gather(type);
    const names = [...fields.keys()];
    if (type.members.has('__init__')) return;
    const value = new Builtin(`${type.name}.__init__`, (run, [self, ...args], keywords) => {
      const values = bindFields(type.name, names, args, keywords, (field) => type.find(field)?.value);
      for (const [i, field] of names.entries()) if (self instanceof PyObject) self.attributes.set(field, values[i]);
      const after = type.find('__post_init__')?.value;
      if (after instanceof PyFunction) after.call(run, [self], new Map());
      return null;
    });
    type.members.set('__init__', { value, kind: 'plain' });
  }

  /** A class of the file by name, ready to be built. */
  classNamed(name: string): PyClass {
    const value = this.global(name);
    if (value instanceof PyClass) return value;
    const known = this.classes.map((one) => one.name);
    throw invalid('E_NO_CLASS', `${this.file} has no class named ${JSON.stringify(name.slice(0, 80))}.`, {
      hint: known.length === 0 ? 'It has no classes at all.' : `It has ${known.slice(0, 20).join(', ')}.`,
    });
  }

  /** Names of the classes below nn.Module, in the order of the file. */
  moduleClasses(): string[] {
    return this.classes
      .filter(({ name }) => {
        const value = this.global(name);
        return value instanceof PyClass && value.extends(moduleClass);
      })
      .map(({ name }) => name);
  }
}
