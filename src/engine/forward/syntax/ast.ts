/**
 * Our own tree of the Python subset that the executor knows: what the parser's adapter gives and
 * all that the compiler sees. What the subset leaves out arrives as `Unsupported` and is refused
 * when the function that holds it is about to run.
 */

/** Line from 1, column from 0. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

interface Node<K extends string> extends Place {
  readonly kind: K;
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**' | '@' | '&' | '|' | '^' | '<<' | '>>';
export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'is' | 'is not' | 'in' | 'not in';
export type UnaryOperator = '-' | '+' | '~' | 'not';

/** Integers and floats are told apart by their spelling, as in Python: `1` and `1.` decide dtypes. */
export type Literal = Place & { readonly kind: 'Literal' } & (
    | { readonly type: 'none' | 'ellipsis' }
    | { readonly type: 'bool'; readonly value: boolean }
    | { readonly type: 'int' | 'float'; readonly value: number }
    | { readonly type: 'str'; readonly value: string }
  );

export interface Name extends Node<'Name'> {
  readonly id: string;
}
export interface Attribute extends Node<'Attribute'> {
  readonly value: Expression;
  readonly attribute: string;
}
export interface Subscript extends Node<'Subscript'> {
  readonly value: Expression;
  readonly index: Expression;
}
export interface SliceExpression extends Node<'Slice'> {
  readonly lower: Expression | undefined;
  readonly upper: Expression | undefined;
  readonly step: Expression | undefined;
}
export interface Call extends Node<'Call'> {
  readonly callee: Expression;
  readonly args: readonly Expression[];
  readonly keywords: readonly { readonly name: string | undefined; readonly value: Expression }[];
}
export interface Binary extends Node<'Binary'> {
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}
export interface Unary extends Node<'Unary'> {
  readonly operator: UnaryOperator;
  readonly operand: Expression;
}
export interface Compare extends Node<'Compare'> {
  readonly left: Expression;
  readonly operators: readonly CompareOperator[];
  readonly comparators: readonly Expression[];
}
export interface Logical extends Node<'Logical'> {
  readonly operator: 'and' | 'or';
  readonly values: readonly Expression[];
}
export interface Conditional extends Node<'Conditional'> {
  readonly test: Expression;
  readonly body: Expression;
  readonly orElse: Expression;
}
export interface Sequence extends Node<'Tuple' | 'List' | 'Set'> {
  readonly items: readonly Expression[];
}
export interface DictExpression extends Node<'Dict'> {
  /** A key of undefined is `**value`. */
  readonly entries: readonly { readonly key: Expression | undefined; readonly value: Expression }[];
}
export interface Starred extends Node<'Starred'> {
  readonly value: Expression;
}
export interface Lambda extends Node<'Lambda'> {
  readonly parameters: Parameters;
  readonly body: Expression;
}
export interface Generator {
  readonly target: Expression;
  readonly iterable: Expression;
  readonly conditions: readonly Expression[];
}
export interface Comprehension extends Node<'Comprehension'> {
  readonly result: 'list' | 'set' | 'dict' | 'generator';
  /** The key of a dict comprehension. */
  readonly key: Expression | undefined;
  readonly element: Expression;
  readonly generators: readonly Generator[];
}
export interface FormatString extends Node<'FormatString'> {
  readonly parts: readonly (string | FormattedValue)[];
}
export interface FormattedValue {
  readonly value: Expression;
  readonly conversion: 'r' | 's' | undefined;
  readonly spec: readonly (string | FormattedValue)[];
}
export interface Unsupported extends Node<'Unsupported'> {
  readonly what: string;
}

export type Expression =
  | Literal
  | Name
  | Attribute
  | Subscript
  | SliceExpression
  | Call
  | Binary
  | Unary
  | Compare
  | Logical
  | Conditional
  | Sequence
  | DictExpression
  | Starred
  | Lambda
  | Comprehension
  | FormatString
  | Unsupported;

export interface Parameter extends Place {
  readonly name: string;
  readonly default: Expression | undefined;
}
export interface Parameters {
  readonly positional: readonly Parameter[];
  readonly rest: string | undefined;
  readonly keywordOnly: readonly Parameter[];
  readonly keywords: string | undefined;
}

export interface FunctionStatement extends Node<'Function'> {
  readonly name: string;
  readonly parameters: Parameters;
  readonly body: readonly Statement[];
  readonly decorators: readonly Expression[];
}
export interface ClassStatement extends Node<'Class'> {
  readonly name: string;
  readonly bases: readonly Expression[];
  readonly keywords: readonly string[];
  readonly body: readonly Statement[];
  readonly decorators: readonly Expression[];
}
export interface Assign extends Node<'Assign'> {
  readonly targets: readonly Expression[];
  readonly value: Expression;
}
export interface AugmentedAssign extends Node<'AugmentedAssign'> {
  readonly target: Expression;
  readonly operator: BinaryOperator;
  readonly value: Expression;
}
/** `name: type` or `name: type = value`; types are never evaluated. */
export interface AnnotatedAssign extends Node<'AnnotatedAssign'> {
  readonly target: Expression;
  readonly value: Expression | undefined;
  /** The type as text, without what is inside brackets of more than one level. */
  readonly annotation: string;
}
export interface ExpressionStatement extends Node<'Expression'> {
  readonly value: Expression;
}
export interface Return extends Node<'Return'> {
  readonly value: Expression | undefined;
}
export interface If extends Node<'If'> {
  readonly test: Expression;
  readonly body: readonly Statement[];
  readonly orElse: readonly Statement[];
}
export interface For extends Node<'For'> {
  readonly target: Expression;
  readonly iterable: Expression;
  readonly body: readonly Statement[];
  readonly orElse: readonly Statement[];
}
export interface While extends Node<'While'> {
  readonly test: Expression;
  readonly body: readonly Statement[];
  readonly orElse: readonly Statement[];
}
export interface Raise extends Node<'Raise'> {
  readonly value: Expression | undefined;
}
export interface Assert extends Node<'Assert'> {
  readonly test: Expression;
  readonly message: Expression | undefined;
}
export interface With extends Node<'With'> {
  readonly contexts: readonly Expression[];
  readonly body: readonly Statement[];
}
export interface Import extends Node<'Import'> {
  /** Empty for `import x`. */
  readonly from: string;
  readonly names: readonly { readonly name: string; readonly as: string }[];
}
/** `try: import x` with `except ImportError: x = None`. */
export interface OptionalImport extends Node<'OptionalImport'> {
  readonly body: readonly Statement[];
  readonly orElse: readonly Statement[];
}
export interface Simple extends Node<'Pass' | 'Break' | 'Continue'> {}

export type Statement =
  | FunctionStatement
  | ClassStatement
  | Assign
  | AugmentedAssign
  | AnnotatedAssign
  | ExpressionStatement
  | Return
  | If
  | For
  | While
  | Raise
  | Assert
  | With
  | Import
  | OptionalImport
  | Simple
  | Unsupported;

/** One parsed file, or one cell of a notebook. */
export interface SourceFile {
  /** For messages. */
  readonly name: string;
  readonly body: readonly Statement[];
}
