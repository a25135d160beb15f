import { invalid, unsupported } from '../../../core/errors';
import type * as ast from '../syntax/ast';
import { describeType } from '../values/describe';
import { dictOf } from '../values/protocols';
import { Callable, type Keywords, type PyClass, PyDict, PyTuple, type Value } from '../values/values';
import { compileExpression, type Thunk } from './compileExpression';
import { compileBody } from './compileStatement';
import type { Dialect } from './dialect';
import { atLine, Frame } from './frame';
import { maxCallDepth } from './limits';
import type { Run } from './run';
import { assignedNames, Scope } from './scope';

/** A function compiled to closures. */
interface Compiled {
  readonly size: number;
  readonly slots: readonly number[];
  readonly defaults: readonly (Thunk | undefined)[];
  readonly restSlot: number;
  readonly keywordsSlot: number;
  readonly run: (frame: Frame) => void;
}

/** A function of the program: compiled when it is first called, so that code that never runs is never refused. */
export class PyFunction extends Callable {
  private compiled: Compiled | undefined;

  constructor(
    readonly name: string,
    private readonly parameters: ast.Parameters,
    private readonly body: readonly ast.Statement[] | ast.Expression,
    readonly dialect: Dialect,
    private readonly line: number,
    private readonly scope?: Scope,
    private readonly parent?: Frame,
    /** The class that the function was written in: where super() starts. */
    readonly owner?: PyClass,
  ) {
    super();
  }

  /** How many positional parameters there are, self included. */
  get positionalCount(): number {
    return this.parameters.positional.length;
  }

  /** Names of the positional parameters, self included. */
  get positional(): readonly string[] {
    return this.parameters.positional.map(({ name }) => name);
  }

  /** Names of the parameters that a call must give. */
  get required(): readonly string[] {
    const { positional, keywordOnly } = this.parameters;
    return [...positional, ...keywordOnly].filter((one) => one.default === undefined).map(({ name }) => name);
  }

  call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    run.budget.step();
    if (run.depth >= maxCallDepth) {
      throw invalid('E_RUN_DEPTH', `RecursionError: more than ${maxCallDepth} calls inside calls in ${this.name}.`, {
        where: { file: this.dialect.file, field: `line ${this.line}` },
      });
    }
    this.compiled ??= this.compile();
    const frame = new Frame(run, this.compiled.size, this.parent);
    frame.line = this.line;
    run.depth++;
    run.frames.push(frame);
    try {
      this.bind(frame, this.compiled, args, keywords);
      this.compiled.run(frame);
      return frame.result;
    } catch (error) {
      throw atLine(error, this.dialect.file, frame.line);
    } finally {
      run.frames.pop();
      run.depth--;
    }
  }

  private compile(): Compiled {
    const scope = new Scope(this.scope);
    const { positional, keywordOnly, rest, keywords } = this.parameters;
    const slots = [...positional, ...keywordOnly].map(({ name }) => scope.declare(name));
    const restSlot = rest === undefined ? -1 : scope.declare(rest);
    const keywordsSlot = keywords === undefined ? -1 : scope.declare(keywords);
    const context = { scope, dialect: this.dialect, owner: this.owner, self: positional[0]?.name };
    try {
      const outside = { ...context, scope: new Scope(this.scope) };
      const defaults = [...positional, ...keywordOnly].map(
        (one) => one.default && compileExpression(one.default, outside),
      );
      if ('kind' in this.body) {
        const value = compileExpression(this.body, context);
        const run = (frame: Frame) => {
          frame.result = value(frame);
        };
        return { size: scope.size, slots, defaults, restSlot, keywordsSlot, run };
      }
      for (const name of assignedNames(this.body)) scope.declare(name);
      const body = compileBody(this.body, context);
      const run = (frame: Frame) => {
        body(frame);
      };
      return { size: scope.size, slots, defaults, restSlot, keywordsSlot, run };
    } catch (error) {
      throw atLine(error, this.dialect.file, this.line);
    }
  }

  private bind(
    frame: Frame,
    { slots, defaults, restSlot, keywordsSlot }: Compiled,
    args: readonly Value[],
    keywords: Keywords,
  ): void {
    const { positional, keywordOnly } = this.parameters;
    const names = [...positional, ...keywordOnly];
    const fail = (message: string) => invalid('E_RUN_ARGUMENT', `TypeError: ${this.name}() ${message}`);
    for (let i = 0; i < Math.min(args.length, positional.length); i++) frame.slots[slots[i]] = args[i];
    if (args.length > positional.length && restSlot < 0) {
      throw fail(`takes ${positional.length} positional arguments but ${args.length} were given`);
    }
    if (restSlot >= 0) frame.slots[restSlot] = new PyTuple(args.slice(positional.length));
    const unknown: [Value, Value][] = [];
    for (const [name, value] of keywords) {
      const at = names.findIndex((one) => one.name === name);
      if (at < 0) {
        if (keywordsSlot < 0) throw fail(`got an unexpected keyword argument '${name}'`);
        unknown.push([name, value]);
      } else if (at < args.length && at < positional.length) throw fail(`got multiple values for argument '${name}'`);
      else frame.slots[slots[at]] = value;
    }
    if (keywordsSlot >= 0) frame.slots[keywordsSlot] = unknown.length === 0 ? new PyDict() : dictOf(frame.run, unknown);
    for (let i = 0; i < names.length; i++) {
      if (frame.slots[slots[i]] !== undefined) continue;
      const fallback = defaults[i];
      if (fallback === undefined) throw fail(`missing 1 required argument: '${names[i].name}'`);
      frame.slots[slots[i]] = fallback(
        this.parent === undefined ? new Frame(frame.run, 8, undefined) : new Frame(frame.run, 8, this.parent),
      );
    }
  }
}

/** The value as something that can be called, or an error that names it. */
export function callable(value: Value): Callable {
  if (value instanceof Callable) return value;
  throw unsupported('E_RUN_CALL', `'${describeType(value)}' object is not callable`);
}
