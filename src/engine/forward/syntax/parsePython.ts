import { PyComplex, parse } from 'py-ast';
import { malformed, unsupported } from '../../../core/errors';
import type * as ast from './ast';
import { checkSource } from './checkSource';
import { maxTreeDepth, toTheEnd } from './limits';
import { binaryOperators, compareOperators, refused, unaryOperators } from './nodeNames';

/**
 * The one place that knows the third-party parser: Python text to our own tree.
 *
 * py-ast 1.16 gives CPython's tree with differences that end here: `1` and `1.` are both the
 * number 1 and `...` the string "..." and bytes are strings (the source text decides), whole numbers beyond 2^53 are
 * BigInt, a byte order mark is an error, columns count UTF-8 bytes, and errors are plain text.
 * It recurses, so `checkSource` goes first.
 */
export function parsePython(source: string, file: string): ast.SourceFile {
  const text = source.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  checkSource(text, file);
  return { name: file, body: new Converter(text.split('\n'), file).body(parseText(text, file)) };
}

/** A node of py-ast, whose published types leave out most node kinds. */
interface Raw {
  readonly nodeType: string;
  readonly lineno?: number;
  readonly col_offset?: number;
  readonly end_lineno?: number;
  readonly end_col_offset?: number;
  readonly [field: string]: unknown;
}

function parseText(text: string, file: string): Raw[] {
  try {
    return (parse(text) as unknown as { body: Raw[] }).body;
  } catch (error) {
    if (error instanceof RangeError) {
      throw unsupported('E_PY_LIMIT', 'The source is nested too deep to be parsed.', {
        where: { file, field: 'line 1' },
        hint: 'This does not look like a model’s source.',
      });
    }
    const message = error instanceof Error ? error.message : String(error);
    const [, line] = /line (\d+)/.exec(message) ?? [];
    throw malformed('E_PY_SYNTAX', `Python cannot read this: ${message.split('\n')[0].slice(0, 200)}.`, {
      where: { file, field: `line ${line ?? '1'}` },
    });
  }
}

type Fields = { [field: string]: unknown };

class Converter {
  private depth = 0;

  constructor(
    private readonly lines: readonly string[],
    private readonly file: string,
  ) {}

  body(nodes: unknown): ast.Statement[] {
    return (nodes as Raw[]).filter(({ nodeType }) => nodeType !== 'Comment').map((node) => this.statement(node));
  }

  private place({ lineno, col_offset }: Raw): ast.Place {
    return { line: lineno ?? 1, column: col_offset ?? 0 };
  }

  private nested<T>(node: Raw, convert: () => T): T {
    if (++this.depth > maxTreeDepth) {
      throw unsupported('E_PY_LIMIT', 'The source is nested too deep.', {
        where: { file: this.file, field: `line ${node.lineno ?? 1}` },
        expected: `at most ${maxTreeDepth} levels`,
        found: 'more',
      });
    }
    const result = convert();
    this.depth--;
    return result;
  }

  private unsupported(node: Raw, what?: string): ast.Unsupported {
    return { kind: 'Unsupported', what: what ?? refused[node.nodeType] ?? node.nodeType, ...this.place(node) };
  }

  private statement(node: Raw): ast.Statement {
    return this.nested(node, () => this.convertStatement(node));
  }

  private convertStatement(node: Raw): ast.Statement {
    const place = this.place(node);
    switch (node.nodeType) {
      case 'FunctionDef':
        return {
          kind: 'Function',
          name: node.name as string,
          parameters: this.parameters(node.args as Raw),
          body: this.body(node.body),
          decorators: this.expressions(node.decorator_list),
          ...place,
        };
      case 'ClassDef':
        return {
          kind: 'Class',
          name: node.name as string,
          bases: this.expressions(node.bases),
          keywords: (node.keywords as Fields[]).map(({ arg }) => String(arg ?? '**')),
          body: this.body(node.body),
          decorators: this.expressions(node.decorator_list),
          ...place,
        };
      case 'Assign':
        return {
          kind: 'Assign',
          targets: this.expressions(node.targets),
          value: this.expression(node.value),
          ...place,
        };
      case 'AugAssign': {
        const operator = binaryOperators[(node.op as Raw).nodeType];
        const target = this.expression(node.target);
        return { kind: 'AugmentedAssign', target, operator, value: this.expression(node.value), ...place };
      }
      case 'AnnAssign':
        return {
          kind: 'AnnotatedAssign',
          target: this.expression(node.target),
          value: this.optional(node.value),
          annotation: annotationText(node.annotation as Raw),
          ...place,
        };
      case 'Expr':
        return { kind: 'Expression', value: this.expression(node.value), ...place };
      case 'Return':
        return { kind: 'Return', value: this.optional(node.value), ...place };
      case 'If':
      case 'While': {
        const parts = { test: this.expression(node.test), body: this.body(node.body), orElse: this.body(node.orelse) };
        return { kind: node.nodeType, ...parts, ...place };
      }
      case 'For':
        return {
          kind: 'For',
          target: this.expression(node.target),
          iterable: this.expression(node.iter),
          body: this.body(node.body),
          orElse: this.body(node.orelse),
          ...place,
        };
      case 'Raise':
        return { kind: 'Raise', value: this.optional(node.exc), ...place };
      case 'Assert':
        return { kind: 'Assert', test: this.expression(node.test), message: this.optional(node.msg), ...place };
      case 'With': {
        const contexts = (node.items as Fields[]).map(({ context_expr: value }) => this.expression(value));
        return { kind: 'With', contexts, body: this.body(node.body), ...place };
      }
      case 'Import':
      case 'ImportFrom':
        return this.importStatement(node);
      case 'Pass':
      case 'Break':
      case 'Continue':
        return { kind: node.nodeType, ...place };
      case 'Try':
        return this.optionalImport(node) ?? this.unsupported(node);
      default:
        return this.unsupported(node);
    }
  }

  private importStatement(node: Raw): ast.Import {
    const from = node.nodeType === 'Import' ? '' : `${'.'.repeat(Number(node.level ?? 0))}${node.module ?? ''}`;
    const names = (node.names as Fields[]).map(({ name, asname }) => ({
      name: String(name),
      as: String(asname ?? (from === '' ? String(name).split('.')[0] : name)),
    }));
    return { kind: 'Import', from, names, ...this.place(node) };
  }

  /** `try` that starts with an import, with one handler; what else is tried is not part of the subset. */
  private optionalImport(node: Raw): ast.OptionalImport | undefined {
    const [tried, handlers] = [node.body as Raw[], node.handlers as Raw[]];
    const plain = (node.orelse as Raw[]).length === 0 && (node.finalbody as Raw[]).length === 0;
    if (!plain || handlers.length !== 1 || !/^Import/.test(tried[0]?.nodeType)) return undefined;
    const [body, orElse] = [this.body(tried), this.body((handlers[0] as Fields).body)];
    if (!body.every(({ kind }) => kind === 'Import' || kind === 'Assign')) return undefined;
    return { kind: 'OptionalImport', body, orElse, ...this.place(node) };
  }

  private parameters(node: Raw): ast.Parameters {
    const fields = node as Fields;
    const positional = [...(fields.posonlyargs as Raw[]), ...(fields.args as Raw[])];
    const defaults = fields.defaults as Raw[];
    const parameter = (arg: Raw, value: unknown): ast.Parameter => ({
      name: arg.arg as string,
      default: this.optional(value),
      ...this.place(arg),
    });
    return {
      positional: positional.map((arg, i) => parameter(arg, defaults[i - positional.length + defaults.length])),
      rest: (fields.vararg as Raw | undefined)?.arg as string | undefined,
      keywordOnly: (fields.kwonlyargs as Raw[]).map((arg, i) => parameter(arg, (fields.kw_defaults as unknown[])[i])),
      keywords: (fields.kwarg as Raw | undefined)?.arg as string | undefined,
    };
  }

  private expressions(nodes: unknown): ast.Expression[] {
    return (nodes as Raw[]).map((node) => this.expression(node));
  }

  private optional(node: unknown): ast.Expression | undefined {
    return node === undefined || node === null ? undefined : this.expression(node);
  }

  private expression(node: unknown): ast.Expression {
    return this.nested(node as Raw, () => this.convertExpression(node as Raw));
  }

  private convertExpression(node: Raw): ast.Expression {
    const place = this.place(node);
    switch (node.nodeType) {
      case 'Constant':
        return this.literal(node);
      case 'Name':
        return { kind: 'Name', id: node.id as string, ...place };
      case 'Attribute':
        return { kind: 'Attribute', value: this.expression(node.value), attribute: node.attr as string, ...place };
      case 'Subscript':
        return { kind: 'Subscript', value: this.expression(node.value), index: this.expression(node.slice), ...place };
      case 'Slice': {
        const [lower, upper, step] = [node.lower, node.upper, node.step].map((part) => this.optional(part));
        return { kind: 'Slice', lower, upper, step, ...place };
      }
      case 'Call': {
        const keywords = (node.keywords as Fields[]).map(({ arg, value }) => ({
          name: arg === undefined || arg === null ? undefined : String(arg),
          value: this.expression(value),
        }));
        return {
          kind: 'Call',
          callee: this.expression(node.func),
          args: this.expressions(node.args),
          keywords,
          ...place,
        };
      }
      case 'BinOp': {
        const operator = binaryOperators[(node.op as Raw).nodeType];
        return {
          kind: 'Binary',
          operator,
          left: this.expression(node.left),
          right: this.expression(node.right),
          ...place,
        };
      }
      case 'UnaryOp':
        return this.unary(node);
      case 'Compare':
        return {
          kind: 'Compare',
          left: this.expression(node.left),
          operators: (node.ops as Raw[]).map(({ nodeType }) => compareOperators[nodeType]),
          comparators: this.expressions(node.comparators),
          ...place,
        };
      case 'BoolOp': {
        const operator = (node.op as Raw).nodeType === 'And' ? 'and' : 'or';
        return { kind: 'Logical', operator, values: this.expressions(node.values), ...place };
      }
      case 'IfExp': {
        const [test, body, orElse] = [node.test, node.body, node.orelse].map((part) => this.expression(part));
        return { kind: 'Conditional', test, body, orElse, ...place };
      }
      case 'Tuple':
      case 'List':
      case 'Set':
        return { kind: node.nodeType, items: this.expressions(node.elts), ...place };
      case 'Dict': {
        const values = this.expressions(node.values);
        const entries = (node.keys as unknown[]).map((key, i) => ({ key: this.optional(key), value: values[i] }));
        return { kind: 'Dict', entries, ...place };
      }
      case 'Starred':
        return { kind: 'Starred', value: this.expression(node.value), ...place };
      case 'Lambda':
        return {
          kind: 'Lambda',
          parameters: this.parameters(node.args as Raw),
          body: this.expression(node.body),
          ...place,
        };
      case 'ListComp':
      case 'SetComp':
      case 'DictComp':
      case 'GeneratorExp':
        return this.comprehension(node);
      case 'JoinedStr':
        return { kind: 'FormatString', parts: this.formatParts(node.values), ...place };
      default:
        return this.unsupported(node);
    }
  }

  /** `-1` becomes one literal, so that -2^63 can be written. */
  private unary(node: Raw): ast.Expression {
    const operator = unaryOperators[(node.op as Raw).nodeType];
    const operand = this.expression(node.operand);
    if (operator === '-' && operand.kind === 'Literal' && (operand.type === 'int' || operand.type === 'float')) {
      return { ...operand, value: operand.type === 'int' && operand.value === 0 ? 0 : -operand.value };
    }
    return { kind: 'Unary', operator, operand, ...this.place(node) };
  }

  private comprehension(node: Raw): ast.Comprehension {
    const results = { ListComp: 'list', SetComp: 'set', DictComp: 'dict', GeneratorExp: 'generator' } as const;
    return {
      kind: 'Comprehension',
      result: results[node.nodeType as keyof typeof results],
      key: this.optional(node.key),
      element: this.expression(node.nodeType === 'DictComp' ? node.value : node.elt),
      generators: (node.generators as Fields[]).map(({ target, iter, ifs }) => ({
        target: this.expression(target),
        iterable: this.expression(iter),
        conditions: this.expressions(ifs),
      })),
      ...this.place(node),
    };
  }

  private formatParts(values: unknown): (string | ast.FormattedValue)[] {
    return (values as Raw[]).map((part) => {
      if (part.nodeType === 'Constant') return String(part.value);
      const { value, conversion, format_spec: spec } = part as Fields;
      return {
        value: this.expression(value),
        conversion: conversion === 114 ? 'r' : conversion === 115 ? 's' : undefined,
        spec: spec === undefined || spec === null ? [] : this.formatParts((spec as Raw).values),
      };
    });
  }

  private literal(node: Raw): ast.Expression {
    const place = this.place(node);
    const { value } = node;
    if (value === null || value === undefined) return { kind: 'Literal', type: 'none', ...place };
    if (typeof value === 'boolean') return { kind: 'Literal', type: 'bool', value, ...place };
    if (typeof value === 'string') {
      if (/^[rR]?[bB]/.test(this.start(node))) return this.unsupported(node, 'bytes');
      // The library leaves these as they are; in a raw string they mean nothing else.
      if (value.includes('\\N{') && !/^[rR]/.test(this.start(node)))
        return this.unsupported(node, 'a character by its name');
      const ellipsis = value === '...' && this.text(node) === '...';
      return ellipsis
        ? { kind: 'Literal', type: 'ellipsis', ...place }
        : { kind: 'Literal', type: 'str', value, ...place };
    }
    if (typeof value === 'bigint') return this.bigLiteral(node, value);
    if (typeof value === 'number') {
      const text = this.text(node);
      const written = /^[\d.]/.test(text) ? text : String(value);
      const float = !/^0[xob]/i.test(written) && /[.eE]/.test(written);
      return { kind: 'Literal', type: float ? 'float' : 'int', value, ...place };
    }
    if (value instanceof PyComplex) return this.unsupported(node, 'a complex number');
    return this.unsupported(node, 'bytes');
  }

  private bigLiteral(node: Raw, value: bigint): ast.Expression {
    const largest = 2n ** 63n;
    if (value === largest || value === largest - 1n) {
      return { kind: 'Literal', type: 'int', value: toTheEnd, ...this.place(node) };
    }
    return this.unsupported(node, 'a whole number beyond 2^53');
  }

  /** The first characters of a node's source, which tell bytes from a string. */
  private start({ lineno, col_offset }: Raw): string {
    const at = col_offset ?? 0;
    return this.text({ nodeType: '', lineno, col_offset: at, end_lineno: lineno, end_col_offset: at + 2 });
  }

  /** The source of a node on one line; its columns count UTF-8 bytes. */
  private text({ lineno, col_offset, end_lineno, end_col_offset }: Raw): string {
    const line = this.lines[(lineno ?? 1) - 1];
    if (line === undefined || lineno !== end_lineno) return '';
    if (/^[\x00-\x7f]*$/.test(line)) return line.slice(col_offset, end_col_offset);
    return new TextDecoder().decode(new TextEncoder().encode(line).subarray(col_offset, end_col_offset));
  }
}

/** `Optional[float]` as text; what is more than names and brackets is left out. */
function annotationText(node: Raw, depth = 0): string {
  if (node.nodeType === 'Name') return String(node.id);
  if (node.nodeType === 'Attribute') return String(node.attr);
  if (node.nodeType === 'Subscript' && depth < 4) {
    return `${annotationText(node.value as Raw, depth + 1)}[${annotationText(node.slice as Raw, depth + 1)}]`;
  }
  return '';
}
