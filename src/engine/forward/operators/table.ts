import { invalid, unsupported } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { describeType } from '../values/describe';
import { StridedTensor } from '../values/stridedTensor';
import { Callable, type Keywords, PyList, PyTuple, type Value } from '../values/values';
import { convertArgument, misfit } from './convert';
import { type OperatorParameter, parseSignature, type Signature } from './signature';

type Implementation = (run: Run, args: readonly unknown[]) => Value;

interface Overload {
  readonly signature: Signature;
  readonly run: Implementation;
}

/** Which spelling finds an operator: `torch.f` and `x.f` share a table; F has its own argument orders; prim is TorchScript's. */
export type OperatorSet = 'torch' | 'functional' | 'prim' | 'quantized' | 'special' | 'linalg';

/** Arguments about where and how a tensor lives, which change nothing on one CPU. */
const ignoredKeywords: ReadonlySet<string> = new Set([
  'layout',
  'device',
  'pin_memory',
  'memory_format',
  'non_blocking',
  'requires_grad',
  'implicit',
  'generator',
  'sparse_grad',
  'inplace',
  'copy',
  'fmt',
  'enable_nested_tensor',
]);

/** One operator with its overloads: bound when it is called, the first that fits runs. */
export class Operator extends Callable {
  readonly overloads: Overload[] = [];

  constructor(
    readonly name: string,
    readonly set: OperatorSet,
  ) {
    super();
  }

  call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    run.budget.step();
    let reason = '';
    for (let i = 0; i < this.overloads.length; i++) {
      const { signature, run: implementation } = this.overloads[i];
      const bound = bind(signature.parameters, args, keywords);
      if (typeof bound !== 'string') return implementation(run, bound);
      reason = bound;
    }
    const given = [
      ...args.map(describeType),
      ...[...keywords].map(([name, value]) => `${name}=${describeType(value)}`),
    ];
    throw invalid('E_RUN_ARGUMENT', `${this.name}() got arguments that fit none of its forms: ${reason}.`, {
      found: `(${given.join(', ')})`,
      expected: this.overloads.map(({ signature }) => signature.text).join(' or '),
    });
  }
}

const sets: Readonly<Record<OperatorSet, Map<string, Operator>>> = {
  torch: new Map(),
  functional: new Map(),
  prim: new Map(),
  quantized: new Map(),
  special: new Map(),
  linalg: new Map(),
};

/**
 * Adds one form of an operator. The implementation's parameters have the types that the
 * signature's have after conversion: Tensor → StridedTensor, int[] → number[], number → int,
 * PyFloat or 0-dim tensor.
 */
export function define<Args extends readonly unknown[]>(
  text: string,
  implementation: (run: Run, ...args: Args) => Value,
  set: OperatorSet = 'torch',
): void {
  const signature = parseSignature(text);
  const operator = sets[set].get(signature.name) ?? new Operator(signature.name, set);
  sets[set].set(signature.name, operator);
  operator.overloads.push({ signature, run: spread(implementation as Spread) });
}

type Spread = (run: Run, ...args: readonly unknown[]) => Value;

/** An implementation that takes its arguments as one array. A call that spreads costs several that do not. */
function spread(implementation: Spread): Implementation {
  return (run, args) => {
    switch (args.length) {
      case 1:
        return implementation(run, args[0]);
      case 2:
        return implementation(run, args[0], args[1]);
      case 3:
        return implementation(run, args[0], args[1], args[2]);
      default:
        return implementation(run, ...args);
    }
  };
}

/** Another name for an operator that is there already. */
export function alias(name: string, of: string, set: OperatorSet = 'torch'): void {
  const operator = sets[set].get(of) ?? sets.torch.get(of);
  if (operator === undefined) throw new Error(`no operator ${of}`);
  sets[set].set(name, operator);
}

export function findOperator(set: OperatorSet, name: string): Operator | undefined {
  return sets[set].get(name);
}

/** The names of a set; torch's count for F too. */
export function operatorNames(set: OperatorSet): string[] {
  return [...sets[set].keys(), ...(set === 'functional' ? sets.torch.keys() : [])];
}

/** Every operator under every name that it has, for the documentation. */
export function allOperators(): { readonly set: OperatorSet; readonly name: string; readonly operator: Operator }[] {
  return (Object.keys(sets) as OperatorSet[]).flatMap((set) =>
    [...sets[set]].map(([name, operator]) => ({ set, name, operator })),
  );
}

/** Arguments in the order of the parameters, converted; or why they do not fit. */
function bind(
  parameters: readonly OperatorParameter[],
  args: readonly Value[],
  keywords: Keywords,
): unknown[] | string {
  const result: unknown[] = [];
  let position = 0;
  let used = 0;
  for (let i = 0; i < parameters.length; i++) {
    const parameter = parameters[i];
    if (parameter.type === 'rest') {
      result.push(args.slice(position));
      position = args.length;
      continue;
    }
    let value: Value | undefined;
    if (!parameter.keywordOnly && position < args.length) {
      value = args[position++];
      if (parameter.type === 'int[]' && isWhole(value) && position < args.length && isSizeList(parameters, parameter)) {
        value = new PyTuple([value, ...args.slice(position)]);
        position = args.length;
      }
    } else if (keywords.size > 0 && keywords.has(parameter.name)) {
      value = keywords.get(parameter.name);
      used++;
    } else value = parameter.default;
    if (value === undefined) {
      if (parameter.required) return `the argument ${parameter.name} is missing`;
      value = null;
    }
    if (value === null && !parameter.required && parameter.default === null) {
      result.push(null);
      continue;
    }
    if (parameter.expands && isWhole(value)) value = new PyList([value]);
    const converted = convertArgument(value, parameter.type);
    if (converted === misfit) return `${parameter.name} must be ${parameter.type}, not ${describeType(value)}`;
    result.push(converted);
  }
  if (position < args.length) return `it takes ${position} positional arguments, not ${args.length}`;
  if (used < keywords.size) {
    for (const name of keywords.keys()) {
      if (!ignoredKeywords.has(name) && !parameters.some((parameter) => parameter.name === name)) {
        return `it has no argument ${name}`;
      }
    }
  }
  return result;
}

function isWhole(value: Value): boolean {
  return typeof value === 'number' || (value instanceof StridedTensor && value.rank === 0);
}

/** `x.view(2, 3)`: only the last positional list of an operator collects what follows. */
function isSizeList(parameters: readonly OperatorParameter[], parameter: OperatorParameter): boolean {
  const positional = parameters.filter(({ keywordOnly }) => !keywordOnly);
  return positional.at(-1) === parameter;
}

/** The error for an operator that is not there: it names itself and the nearest that is. */
export function unknownOperator(set: OperatorSet, name: string): Error {
  const near = nearest(name, operatorNames(set));
  return unsupported('E_OPERATOR', `The operator ${set === 'torch' ? 'torch' : set}.${name} is not supported.`, {
    hint: `${near === undefined ? '' : `The nearest that is supported is ${near}. `}docs/operators.md lists all.`,
  });
}

/** The known name with the fewest edits. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = edits(name.slice(0, 60), candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
