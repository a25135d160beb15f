import { invalid, malformed } from '../../../core/errors';
import '../operators/all';
import { PyFunction } from '../interpreter/pyFunction';
import { findOperator, unknownOperator } from '../operators/table';
import type * as ast from '../syntax/ast';
import { parsePython } from '../syntax/parsePython';
import { type Callable, PyClass, PyTuple, type Value } from '../values/values';
import { bindFields } from './namedTuple';
import { scriptDialect } from './scriptDialect';

/** The classes and functions of a TorchScript archive, by qualified name; each source is parsed when it is first needed. */
export class ScriptLibrary {
  private readonly files = new Map<string, ReadonlyMap<string, ast.Statement>>();
  private readonly made = new Map<string, Value>();

  constructor(
    /** Text by module: `__torch__.torch.nn.modules.linear` for `code/__torch__/torch/nn/modules/linear.py`. */
    private readonly sources: ReadonlyMap<string, string>,
    private readonly constants: readonly Value[],
  ) {}

  /** The class of an object in data.pkl; a class without code has no methods. */
  classNamed(qualified: string): PyClass {
    const found = this.qualified(qualified.split('.'));
    if (found instanceof PyClass) return found;
    const type = new PyClass(qualified.split('.').at(-1) ?? qualified, [], true);
    this.made.set(qualified, type);
    return type;
  }

  /** What a dotted name of the code stands for: an operator, a constant, a class, a function. */
  qualified(parts: readonly string[]): Value | undefined {
    const name = parts.join('.');
    const known = this.made.get(name);
    if (known !== undefined) return known;
    const value = this.resolve(parts);
    if (value !== undefined) this.made.set(name, value);
    return value;
  }

  private resolve(parts: readonly string[]): Value | undefined {
    const [root, ...rest] = parts;
    if (root === 'CONSTANTS') return this.constant(rest.join('.'));
    if (root === 'torch' && rest.length === 1) return operator('torch', rest[0]);
    if (root === 'torch' && rest.length === 2 && (rest[0] === 'linalg' || rest[0] === 'special'))
      return operator(rest[0], rest[1]);
    if (root === 'ops' && rest.length === 2) {
      const [space, name] = rest;
      if (space === 'prim' || space === 'quantized') return operator(space, name);
      if (space === 'aten') return operator('torch', name);
      throw invalid('E_OPERATOR', `The operator ops.${rest.join('.')} is not supported.`, {
        hint: 'It belongs to a library of its own; docs/operators.md lists what runs.',
      });
    }
    if (root === '__torch__') return this.declared(parts);
    return undefined;
  }

  private constant(name: string): Value {
    const index = /^c(\d{1,9})$/.exec(name)?.[1];
    const value = index === undefined ? undefined : this.constants[Number(index)];
    if (value === undefined)
      throw malformed(
        'E_SCRIPT_CONSTANT',
        `The code names the constant ${name.slice(0, 40)}, and the archive has ${this.constants.length}.`,
      );
    return value;
  }

  private declared(parts: readonly string[]): Value | undefined {
    const module = parts.slice(0, -1).join('.');
    const name = parts[parts.length - 1];
    const statement = this.file(module)?.get(name);
    if (statement === undefined) return undefined;
    const dialect = scriptDialect(this, `code/${module.replaceAll('.', '/')}.py`);
    if (statement.kind === 'Function')
      return new PyFunction(name, statement.parameters, statement.body, dialect, statement.line);
    if (statement.kind !== 'Class') return undefined;
    const [base] = statement.bases;
    if (base?.kind === 'Name' && base.id === 'NamedTuple') return namedTuple(statement);
    const type = new PyClass(name, [], true);
    for (const member of statement.body) {
      if (member.kind === 'AnnotatedAssign' && member.target.kind === 'Name')
        type.fields.set(member.target.id, member.annotation);
      if (member.kind !== 'Function') continue;
      const value = new PyFunction(`${name}.${member.name}`, member.parameters, member.body, dialect, member.line);
      type.members.set(member.name, { value, kind: 'plain' });
    }
    return type;
  }

  private file(module: string): ReadonlyMap<string, ast.Statement> | undefined {
    const known = this.files.get(module);
    if (known !== undefined) return known;
    const text = this.sources.get(module);
    if (text === undefined) return undefined;
    const file = `code/${module.replaceAll('.', '/')}.py`;
    const names = new Map<string, ast.Statement>();
    for (const statement of parsePython(text, file).body) {
      if (statement.kind !== 'Class' && statement.kind !== 'Function') continue;
      if (names.has(statement.name)) {
        throw malformed('E_SCRIPT_DUPLICATE', `The source declares ${statement.name} twice.`, {
          where: { file, field: `line ${statement.line}` },
        });
      }
      names.set(statement.name, statement);
    }
    this.files.set(module, names);
    return names;
  }
}

function operator(set: Parameters<typeof findOperator>[0], name: string): Callable {
  const found = findOperator(set, name);
  if (found === undefined) throw unknownOperator(set, name);
  return found;
}

/** A class of fields only: calling it makes a tuple whose items have names. */
function namedTuple({ name, body }: ast.ClassStatement): PyClass {
  const fields = body.flatMap((one) =>
    one.kind === 'AnnotatedAssign' && one.target.kind === 'Name' ? [one.target.id] : [],
  );
  return new PyClass(
    name,
    [],
    false,
    (_run, args, keywords) => new PyTuple(bindFields(name, fields, args, keywords), fields, name),
  );
}
