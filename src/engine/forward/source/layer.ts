import { invalid, unsupported } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { convertArgument, misfit } from '../operators/convert';
import { type OperatorParameter, parseSignature } from '../operators/signature';
import { findOperator, type OperatorSet } from '../operators/table';
import { emptyTensor, StridedTensor } from '../values/stridedTensor';
import { type Keywords, noKeywords, type PyClass, PyList, type PyObject, PyTuple, type Value } from '../values/values';
import { asParameter, method, moduleClass, nativeClass, stateOf } from './moduleClass';
import { composeWeights } from './weightNorm';

/** How layers are defined: constructor arguments in PyTorch's notation, shapes of parameters, a forward of operators. */

/** Every class of torch.nn that can be built, by name. */
export const nnClasses = new Map<string, PyClass>([['Module', moduleClass]]);

const constructorArguments = new Map<string, readonly string[]>();

export type Config = Readonly<Record<string, Value>>;

/** Calls an operator by name; F's form where there is one. */
export function operate(
  run: Run,
  set: OperatorSet,
  name: string,
  args: readonly Value[],
  keywords: Keywords = noKeywords,
): Value {
  const operator = findOperator(set, name) ?? findOperator('torch', name);
  if (operator === undefined) throw unsupported('E_OPERATOR', `The operator ${name} is not supported.`);
  return operator.call(run, args, keywords);
}

interface Layer {
  /** The constructor's parameters in PyTorch's notation, without self. */
  readonly parameters: string;
  /** Parameters and buffers by name, with their shapes; buffers start with `buffer:`. */
  readonly tensors?: (config: Config) => Readonly<Record<string, readonly number[] | null>>;
  /** Arguments that become a tuple with a value for each of so many dimensions. */
  readonly spatial?: { readonly count: number; readonly names: readonly string[] };
  readonly forward: (run: Run, self: PyObject, args: readonly Value[], config: Config, keywords: Keywords) => Value;
}

/** The constructor's arguments of every layer that was built. */
const configs = new WeakMap<PyObject, Config>();

/** A copy of a layer has the arguments of the layer. */
export function copyConfig(from: PyObject, to: PyObject): void {
  const config = configs.get(from);
  if (config !== undefined) configs.set(to, config);
}

/** Defines a layer: its arguments become attributes, as PyTorch's do. */
export function layer(name: string, { parameters, tensors, spatial, forward }: Layer): PyClass {
  const type = nativeClass(name);
  const signature = parseSignature(`${name}(${parameters})`);
  method(type, '__init__', (run, self, args, keywords) => {
    const config = bindConstructor(name, signature.parameters, args, keywords);
    configs.set(self, config);
    for (const [key, value] of Object.entries(config)) {
      const spread = spatial?.names.includes(key) === true && typeof value !== 'string';
      self.attributes.set(key, spread ? new PyTuple(sizes(value, spatial.count)) : value);
    }
    for (const [key, shape] of Object.entries(tensors?.(config) ?? {})) addTensor(run, self, key, shape);
    return null;
  });
  method(type, 'forward', (run, self, args, keywords) => {
    const config = configs.get(self);
    if (config === undefined) throw invalid('E_RUN_TYPE', `${name} was used before its __init__ ran.`);
    composeWeights(run, self);
    return forward(run, self, args, config, keywords);
  });
  nnClasses.set(name, type);
  constructorArguments.set(
    name,
    signature.parameters.map((parameter) => parameter.name),
  );
  return type;
}

function addTensor(run: Run, self: PyObject, key: string, shape: readonly number[] | null): void {
  const isBuffer = key.startsWith('buffer:');
  const name = isBuffer ? key.slice(7) : key;
  self.attributes.delete(name);
  const type = name === 'num_batches_tracked' ? 'int64' : 'float32';
  const tensor = shape === null ? null : emptyTensor(run.budget, type, shape);
  if (isBuffer) stateOf(self).buffers.set(name, { tensor, persistent: true });
  else stateOf(self).parameters.set(name, tensor === null ? null : asParameter(tensor));
}

function bindConstructor(
  name: string,
  parameters: readonly OperatorParameter[],
  args: readonly Value[],
  keywords: Keywords,
): Config {
  const config: Record<string, Value> = Object.create(null);
  const fail = (message: string) => invalid('E_RUN_ARGUMENT', `TypeError: ${name}.__init__() ${message}`);
  if (parameters.some(({ type }) => type === 'rest')) return config;
  if (args.length > parameters.length) {
    throw fail(`takes ${parameters.length + 1} positional arguments but ${args.length + 1} were given`);
  }
  for (const key of keywords.keys()) {
    const known = parameters.some((parameter) => parameter.name === key) || key === 'device' || key === 'dtype';
    if (!known) throw fail(`got an unexpected keyword argument '${key}'`);
  }
  for (const [i, parameter] of parameters.entries()) {
    const value = i < args.length ? args[i] : (keywords.get(parameter.name) ?? parameter.default);
    if (value === undefined) throw fail(`missing 1 required positional argument: '${parameter.name}'`);
    const fits =
      parameter.type === 'any' ||
      (value === null && parameter.default === null) ||
      convertArgument(value, parameter.type) !== misfit;
    if (!fits) throw fail(`argument '${parameter.name}' must be ${parameter.type}`);
    config[parameter.name] = value;
  }
  return config;
}

export function int(value: Value): number {
  const converted = convertArgument(value, 'int');
  if (typeof converted === 'number') return converted;
  throw invalid('E_RUN_TYPE', 'a size must be a whole number');
}

/** A number or a tuple as `count` numbers. */
export function sizes(value: Value, count: number): number[] {
  if (value instanceof PyTuple || value instanceof PyList) return value.items.map(int);
  return new Array<number>(count).fill(int(value));
}

/** A parameter, or the tensor that stands in for it; null where the layer has none. */
export function parameter(self: PyObject, name: string): Value {
  const own = stateOf(self).parameters.get(name) ?? self.attributes.get(name);
  return own instanceof StridedTensor ? own : null;
}
export const buffer = (self: PyObject, name: string): Value => stateOf(self).buffers.get(name)?.tensor ?? null;
export const isTensor = (value: Value): value is StridedTensor => value instanceof StridedTensor;

/** Names of a layer's constructor arguments, in order; undefined for a class that is none. */
export function layerArguments(name: string): readonly string[] | undefined {
  return constructorArguments.get(name);
}
