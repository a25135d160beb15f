import { isDType } from '../../../core/dtype';
import { invalid } from '../../../core/errors';
import { callValue } from '../interpreter/call';
import type { Run } from '../interpreter/run';
import '../operators/all';
import { toDType } from '../operators/convert';
import { findOperator } from '../operators/table';
import { describeType } from '../values/describe';
import { elementType, isFloating } from '../values/elements';
import { StridedTensor } from '../values/stridedTensor';
import {
  Builtin,
  Callable,
  cpu,
  DTypeValue,
  type Keywords,
  Namespace,
  PyClass,
  PyFloat,
  PyObject,
  PyTuple,
  type Value,
} from '../values/values';
import { builtins } from './builtins';
import './attentionLayer';
import './containers';
import './layers';
import './recurrentLayers';
import { deepCopy } from './deepCopy';
import { einops } from './einops';
import { nnClasses, operate } from './layer';
import { asParameter } from './moduleClass';
import { nativeDialect } from './nativeDialect';
import { weightNorm } from './weightNorm';

/** The packages that a model's source may import: tables of names, nothing behind them. */

type Table = Readonly<Record<string, Value>>;

const builtin = (name: string, body: (run: Run, args: readonly Value[], keywords: Keywords) => Value) =>
  new Builtin(name, body);
const fixed = (name: string, table: Table, more: (name: string) => Value | undefined = () => undefined) =>
  new Namespace(name, (key) => (Object.hasOwn(table, key) ? table[key] : more(key)));
const same = (name: string) => builtin(name, (_run, [value]) => value ?? null);

const number = (value: Value): number =>
  value instanceof PyFloat
    ? value.value
    : value instanceof StridedTensor
      ? value.storage.data[value.offset]
      : Number(value);
const float = (name: string, f: (...args: number[]) => number) =>
  builtin(name, (_run, args) => new PyFloat(f(...args.map(number))));
const whole = (name: string, f: (x: number) => number) => builtin(name, (_run, [x]) => f(number(x)));

const mathTable: Table = {
  pi: new PyFloat(Math.PI),
  e: new PyFloat(Math.E),
  inf: new PyFloat(Number.POSITIVE_INFINITY),
  nan: new PyFloat(Number.NaN),
  sqrt: float('sqrt', Math.sqrt),
  exp: float('exp', Math.exp),
  log: float('log', (x, base) => (base === undefined ? Math.log(x) : Math.log(x) / Math.log(base))),
  log2: float('log2', Math.log2),
  log10: float('log10', Math.log10),
  sin: float('sin', Math.sin),
  cos: float('cos', Math.cos),
  tan: float('tan', Math.tan),
  tanh: float('tanh', Math.tanh),
  pow: float('pow', (a, b) => a ** b),
  fabs: float('fabs', Math.abs),
  ceil: whole('ceil', Math.ceil),
  floor: whole('floor', Math.floor),
  isinf: builtin('isinf', (_run, [x]) => Math.abs(number(x)) === Number.POSITIVE_INFINITY),
  isnan: builtin('isnan', (_run, [x]) => Number.isNaN(number(x))),
  prod: builtin('prod', (_run, [items]) => productOf(items)),
};

function productOf(items: Value): Value {
  const list =
    items !== null && typeof items === 'object' && 'items' in items && Array.isArray(items.items)
      ? (items.items as Value[])
      : [];
  return list.reduce((product: number, item) => product * number(item), 1);
}
const math = fixed('math', mathTable);

const info = (name: string, body: (dtype: string) => Readonly<Record<string, Value>>) => {
  const type = new PyClass(name, [], false);
  return builtin(name, (_run, [value]) => {
    const dtype = value === undefined ? 'float32' : value instanceof StridedTensor ? value.dtype : toDType(value);
    if (dtype === undefined) throw invalid('E_RUN_TYPE', `${name}() takes a dtype`);
    const object = new PyObject(type);
    for (const [key, item] of Object.entries(body(dtype))) object.attributes.set(key, item);
    return object;
  });
};
const finfo = info('finfo', (dtype) => {
  const double = dtype === 'float64';
  const half = dtype === 'float16';
  const max = double
    ? Number.MAX_VALUE
    : half
      ? 65504
      : dtype === 'bfloat16'
        ? 3.3895313892515355e38
        : 3.4028234663852886e38;
  return {
    max: new PyFloat(max),
    min: new PyFloat(-max),
    eps: new PyFloat(double ? Number.EPSILON : half ? 2 ** -10 : dtype === 'bfloat16' ? 2 ** -7 : 2 ** -23),
    tiny: new PyFloat(double ? 2 ** -1022 : half ? 2 ** -14 : 2 ** -126),
  };
});
const iinfo = info('iinfo', (dtype) => {
  const bits = Number(/\d+$/.exec(dtype)?.[0] ?? 64);
  const signed = !dtype.startsWith('u');
  const max = bits === 64 ? Number.MAX_SAFE_INTEGER : 2 ** (signed ? bits - 1 : bits) - 1;
  return { max, min: signed ? (bits === 64 ? Number.MIN_SAFE_INTEGER : -(2 ** (bits - 1))) : 0 };
});

/** What makes nothing here: decorators and contexts that only training or devices know. */
const identityDecorator = (name: string) =>
  builtin(name, (_run, [value]) => (value instanceof Callable || value instanceof PyObject ? value : identity));
const identity = builtin('decorator', (_run, [value]) => value ?? null);

const packSequence = builtin('pack_padded_sequence', (run, args, keywords) => {
  const of = (i: number, name: string, fallback: Value) => args[i] ?? keywords.get(name) ?? fallback;
  const [input, given, batchFirst, enforce] = [
    of(0, 'input', null),
    of(1, 'lengths', null),
    of(2, 'batch_first', false),
    of(3, 'enforce_sorted', true),
  ];
  const lengths = given instanceof StridedTensor ? given : operate(run, 'torch', 'tensor', [given]);
  let [x, sortedLengths, sorted, unsorted]: Value[] = [input, lengths, null, null];
  if (enforce !== true) {
    const pair = operate(run, 'torch', 'sort', [lengths], new Map([['descending', true]])) as PyTuple;
    [sortedLengths, sorted] = pair.items;
    unsorted = operate(run, 'torch', 'argsort', [sorted]);
    x = operate(run, 'torch', 'index_select', [input, batchFirst === true ? 0 : 1, sorted]);
  }
  const [data, sizes] = (operate(run, 'torch', '_pack_padded_sequence', [x, sortedLengths, batchFirst]) as PyTuple)
    .items;
  return new PyTuple(
    [data, sizes, sorted, unsorted],
    ['data', 'batch_sizes', 'sorted_indices', 'unsorted_indices'],
    'PackedSequence',
  );
});
const padSequence = builtin('pad_packed_sequence', (run, args, keywords) => {
  const packed = args[0] ?? keywords.get('sequence');
  if (!(packed instanceof PyTuple)) {
    throw invalid('E_RUN_TYPE', 'pad_packed_sequence takes what pack_padded_sequence or a recurrent layer gives');
  }
  const [data, sizes, , unsorted] = packed.items;
  const batchFirst = args[1] ?? keywords.get('batch_first') ?? false;
  const value = args[2] ?? keywords.get('padding_value') ?? new PyFloat(0);
  const total = args[3] ?? keywords.get('total_length') ?? null;
  const result = operate(run, 'torch', '_pad_packed_sequence', [
    data,
    sizes,
    batchFirst,
    value,
    total ?? -1,
  ]) as PyTuple;
  if (unsorted === null) return result;
  const [padded, lengths] = result.items;
  return new PyTuple([
    operate(run, 'torch', 'index_select', [padded, batchFirst === true ? 0 : 1, unsorted]),
    operate(run, 'torch', 'index_select', [lengths, 0, unsorted]),
  ]);
});
const rnn = fixed('torch.nn.utils.rnn', { pack_padded_sequence: packSequence, pad_packed_sequence: padSequence });
const nnUtils = fixed('torch.nn.utils', {
  rnn,
  weight_norm: builtin('weight_norm', (run, [module, name, dim], keywords) => {
    const [given, over] = [name ?? keywords.get('name') ?? 'weight', dim ?? keywords.get('dim')];
    if (!(module instanceof PyObject) || typeof given !== 'string')
      throw invalid('E_RUN_TYPE', 'weight_norm takes a module and the name of its weight');
    return weightNorm(run, module, given, over === undefined ? 0 : (over as number | null));
  }),
});

const functional = new Namespace(
  'torch.nn.functional',
  (name) => findOperator('functional', name) ?? findOperator('torch', name),
);

/** Initialisers change values that the state dict overwrites: they give back what they were given. */
const init = new Namespace('torch.nn.init', (name) =>
  name === 'calculate_gain' ? builtin(name, () => new PyFloat(1)) : /^[a-z_]+$/.test(name) ? same(name) : undefined,
);

const parameterClass = new PyClass('Parameter', [], false, (run, [value], keywords) => {
  const given = value ?? keywords.get('data') ?? operate(run, 'torch', 'zeros', [new PyTuple([0])]);
  if (!(given instanceof StridedTensor)) throw invalid('E_RUN_TYPE', 'nn.Parameter takes a tensor');
  return asParameter(given);
});
/** Modules that are written in Python, filled by the prelude. */
export const composedClasses = new Map<string, PyClass>();

export const nn: Namespace = new Namespace('torch.nn', (name) => {
  if (name === 'functional') return functional;
  if (name === 'Parameter') return parameterClass;
  if (name === 'Buffer') return same('Buffer');
  if (name === 'init') return init;
  if (name === 'utils') return nnUtils;
  if (name === 'modules') return nn;
  return nnClasses.get(name) ?? composedClasses.get(name);
});

const tensorClass = new PyClass('Tensor', [], false, (run, args, keywords) =>
  operate(run, 'torch', 'Tensor', args, keywords),
);
const jit = new Namespace('torch.jit', (name) => {
  if (['script', 'export', 'ignore', 'unused', 'script_method', 'script_if_tracing'].includes(name))
    return identityDecorator(name);
  if (name === 'is_scripting' || name === 'is_tracing') return builtin(name, () => false);
  return name === 'Final' || name === 'annotate' ? builtin(name, (_run, args) => args[1] ?? null) : undefined;
});
const unavailable = (name: string) =>
  fixed(name, {
    is_available: builtin('is_available', () => false),
    is_initialized: builtin('is_initialized', () => false),
    amp: fixed('amp', { autocast: identityDecorator('autocast') }),
    device_count: builtin('device_count', () => 0),
    manual_seed: same('manual_seed'),
    manual_seed_all: same('manual_seed_all'),
  });

const torchTable: Table = {
  nn,
  jit,
  Tensor: tensorClass,
  device: builtin('device', () => cpu),
  finfo,
  iinfo,
  pi: new PyFloat(Math.PI),
  inf: new PyFloat(Number.POSITIVE_INFINITY),
  nan: new PyFloat(Number.NaN),
  e: new PyFloat(Math.E),
  cuda: unavailable('torch.cuda'),
  mps: unavailable('torch.mps'),
  no_grad: identityDecorator('no_grad'),
  inference_mode: identityDecorator('inference_mode'),
  enable_grad: identityDecorator('enable_grad'),
  autocast: identityDecorator('autocast'),
  compile: identityDecorator('compile'),
  Size: builtin('Size', (_run, [items]) => items),
  get_default_dtype: builtin('get_default_dtype', () => new DTypeValue('float32')),
  contiguous_format: null,
  channels_last: null,
  is_floating_point: builtin(
    'is_floating_point',
    (_run, [x]) => x instanceof StridedTensor && isFloating(elementType(x.dtype)),
  ),
};
const dtypeAliases: Table = {
  float: new DTypeValue('float32'),
  double: new DTypeValue('float64'),
  half: new DTypeValue('float16'),
  long: new DTypeValue('int64'),
  int: new DTypeValue('int32'),
  short: new DTypeValue('int16'),
};
const linalg = new Namespace('torch.linalg', (name) => findOperator('linalg', name));
const special = new Namespace('torch.special', (name) => findOperator('special', name) ?? findOperator('torch', name));
const torch = fixed('torch', { ...torchTable, ...dtypeAliases, linalg, special }, (name) =>
  isDType(name) ? new DTypeValue(name) : findOperator('torch', name),
);

const copy = fixed('copy', {
  deepcopy: builtin('deepcopy', (run, [value]) => deepCopy(run, value)),
  copy: same('copy'),
});
const numpyTable: Table = {
  ...mathTable,
  array: same('array'),
  float32: new DTypeValue('float32'),
  int64: new DTypeValue('int64'),
};
const numpy = fixed('numpy', numpyTable);
/** Names of typing stand for nothing: annotations are never evaluated. */
const typing = new Namespace('typing', (name) => (/^[A-Z]\w*$/.test(name) ? null : undefined));
const dataclasses = fixed('dataclasses', {
  dataclass: identityDecorator('dataclass'),
  field: builtin('field', (run, _args, keywords) => defaultOf(run, keywords)),
});
function defaultOf(run: Run, keywords: Keywords): Value {
  const factory = keywords.get('default_factory');
  return factory instanceof Callable ? factory.call(run, [], new Map()) : (keywords.get('default') ?? null);
}
const functools = fixed('functools', {
  partial: builtin('partial', (_run, [f, ...args], keywords) => {
    if (!(f instanceof Callable || f instanceof PyClass || f instanceof PyObject))
      throw invalid('E_RUN_TYPE', `functools.partial takes a function or a class, not ${describeType(f)}`);
    return builtin('partial', (run, more, named) =>
      callValue(run, nativeDialect, f, [...args, ...more], new Map([...keywords, ...named])),
    );
  }),
});
const einopsNamespace = new Namespace('einops', (name) => einops.get(name));
const collections = fixed('collections', {
  OrderedDict: builtin('OrderedDict', (run, [pairs]) => operateDict(run, pairs)),
});

function operateDict(run: Run, pairs: Value | undefined): Value {
  return (builtins.get('dict') as Callable).call(run, pairs === undefined ? [] : [pairs], new Map());
}

const packages: Readonly<Record<string, Namespace>> = {
  torch,
  'torch.nn': nn,
  'torch.nn.functional': functional,
  'torch.nn.init': init,
  'torch.nn.utils': nnUtils,
  'torch.nn.utils.rnn': rnn,
  'torch.nn.modules': nn,
  'torch.jit': jit,
  'torch.cuda': torchTable.cuda as Namespace,
  math,
  cmath: math,
  copy,
  numpy,
  typing,
  dataclasses,
  functools,
  collections,
  einops: einopsNamespace,
};

/** A package that an import may name; undefined for all others, which no import reaches. */
export function packageNamed(name: string): Namespace | undefined {
  return Object.hasOwn(packages, name) ? packages[name] : undefined;
}
