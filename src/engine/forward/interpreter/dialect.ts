import type * as ast from '../syntax/ast';
import type { Value } from '../values/values';
import type { PyFunction } from './pyFunction';
import type { Run } from './run';

/** What differs between TorchScript and Python source: where global names come from, and what is refused. */
export interface Dialect {
  readonly file: string;
  /** Names are fixed: `torch.add` and `ops.prim.dtype` are looked up once. */
  readonly script: boolean;
  /** A global name; undefined where there is none. */
  global(name: string): Value | undefined;
  /** TorchScript: what a dotted name such as `torch.add` or `__torch__.a.C` stands for. */
  qualified(parts: readonly string[]): Value | undefined;
  /** What a name stands for that an import inside a function gives. */
  imported(statement: ast.Import, as: string): Value;
  /** Python: decorators that change nothing or make a static method; undefined refuses. */
  decorate(decorator: ast.Expression, value: PyFunction): Value | undefined;
  /** Called for each attribute that a program reads of a value. */
  attribute(run: Run, value: Value, name: string): Value;
  setAttribute(run: Run, value: Value, name: string, item: Value): void;
}
