import { invalid, unsupported } from '../../../core/errors';
import { getAttribute, refuseSpecial } from '../interpreter/attributes';
import type { Dialect } from '../interpreter/dialect';
import { wholeNumber } from '../operators/arithmetic';
import { print } from '../operators/script';
import { describeType } from '../values/describe';
import { truthy } from '../values/protocols';
import { onlyElement, StridedTensor } from '../values/stridedTensor';
import { clip, str } from '../values/text';
import { Builtin, cpu, Namespace, PyFloat, PyObject, PyRange, type Value } from '../values/values';
import type { ScriptLibrary } from './scriptLibrary';

/** The dialect of serialized TorchScript: names are fixed, and there are few. */
export function scriptDialect(library: ScriptLibrary, file: string): Dialect {
  return {
    file,
    script: true,
    global: (name) => (globals.has(name) ? globals.get(name) : undefined),
    qualified: (parts) => (parts[0] === 'torch' && parts[1] === 'device' ? device : library.qualified(parts)),
    imported: (statement) => {
      throw unsupported('E_PY_IMPORT', `import ${statement.from}: TorchScript has no imports inside functions.`);
    },
    decorate: () => undefined,
    attribute: (run, value, name) => getAttribute(run, value, name),
    setAttribute(_run, value, name, item) {
      refuseSpecial(name);
      if (!(value instanceof PyObject)) throw invalid('E_RUN_ATTRIBUTE', `${describeType(value)} takes no attributes`);
      value.beforeChange?.();
      value.attributes.set(name, item);
    },
  };
}

const device = new Builtin('torch.device', () => cpu);

function number(value: Value): number {
  if (value instanceof StridedTensor) return onlyElement(value);
  if (value instanceof PyFloat) return value.value;
  if (typeof value === 'string') return parseNumber(value);
  return Number(value);
}

function parseNumber(text: string): number {
  if (/^\s*[+-]?inf(inity)?\s*$/i.test(text))
    return text.includes('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^\s*nan\s*$/i.test(text)) return Number.NaN;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isNaN(value))
    throw invalid('E_RUN_VALUE', `could not convert string to a number: ${JSON.stringify(text.slice(0, 40))}`);
  return value;
}

export function toInt(value: Value): number {
  const x = number(value);
  if (!Number.isFinite(x)) throw invalid('E_RUN_VALUE', `cannot convert float ${x} to integer`);
  return wholeNumber(Math.trunc(x));
}

export function toFloat(value: Value): PyFloat {
  return new PyFloat(number(value));
}

export function rangeOf(args: readonly Value[]): PyRange {
  const [a, b, c] = args.map(toInt);
  if (c === 0) throw invalid('E_RUN_VALUE', 'range() arg 3 must not be zero');
  return args.length === 1 ? new PyRange(0, a, 1) : new PyRange(a, b, c ?? 1);
}

const globals = new Map<string, Value>([
  ['inf', new PyFloat(Number.POSITIVE_INFINITY)],
  ['nan', new PyFloat(Number.NaN)],
  ['int', new Builtin('int', (_run, [value]) => toInt(value))],
  ['float', new Builtin('float', (_run, [value]) => toFloat(value))],
  ['bool', new Builtin('bool', (_run, [value]) => truthy(value))],
  ['str', new Builtin('str', (_run, [value]) => clip(str(value)))],
  ['range', new Builtin('range', (_run, args) => rangeOf(args))],
  [
    'print',
    new Builtin('print', (run, args) => {
      print(run, args);
      return null;
    }),
  ],
  [
    'getattr',
    new Builtin('getattr', (run, [value, name]) => {
      if (typeof name !== 'string') throw invalid('E_RUN_TYPE', 'getattr(): attribute name must be string');
      return getAttribute(run, value, name);
    }),
  ],
  [
    'isinstance',
    new Builtin('isinstance', () => {
      throw unsupported('E_PY_UNSUPPORTED', 'isinstance in TorchScript is not supported.');
    }),
  ],
  ['torch', new Namespace('torch', () => undefined)],
]);
