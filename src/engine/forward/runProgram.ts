import type { AbortCheck } from '../../core/abort';
import type { Kernels } from '../kernels/kernels';
import type { QuantizedEngine } from '../quantization/engines';
import type { Tap } from '../quantization/tap';
import { Generator } from '../random/generator';
import { Budget, type BudgetLimits, defaultLimits } from './interpreter/budget';
import type { Frame } from './interpreter/frame';
import type { Run } from './interpreter/run';
import { Swaps } from './interpreter/swaps';
import { type Storage, StridedTensor } from './values/stridedTensor';
import { PyDict, PyList, PyObject, PySet, PyTuple, type Value } from './values/values';

export interface RunOptions {
  readonly kernels: Kernels;
  readonly abort: AbortCheck;
  readonly tap?: Tap;
  readonly swaps?: Swaps;
  readonly paths?: ReadonlyMap<PyObject, string>;
  readonly engine?: QuantizedEngine;
  readonly seed?: number;
  readonly limits?: BudgetLimits;
  /** What stays alive whatever the program does: the model's own objects. */
  readonly roots?: readonly Value[];
}

/** A fresh budget and fresh stacks for one run of a program. */
export function startRun({ kernels, abort, tap, swaps, paths, engine, seed, limits, roots }: RunOptions): Run {
  const frames: Frame[] = [];
  let generator: Generator | undefined;
  const liveBytes = () =>
    reachableBytes([...(roots ?? []), ...frames.flatMap(({ slots }) => slots.filter((one) => one !== undefined))]);
  return {
    budget: new Budget(abort, limits ?? defaultLimits, liveBytes),
    kernels,
    abort,
    tap,
    swaps: swaps ?? new Swaps(),
    modules: [],
    paths: paths ?? new Map(),
    engine: engine ?? 'fbgemm',
    get generator() {
      generator ??= new Generator(seed ?? 0);
      return generator;
    },
    printed: [],
    frames,
    depth: 0,
    usedRandom: false,
  };
}

/** Bytes of all buffers that values reach, each once: a small tensor keeps the others of its buffer. */
export function reachableBytes(roots: readonly Value[]): number {
  const buffers = new Set([...reachableStorages(roots)].map(({ data }) => data.buffer));
  let bytes = 0;
  for (const { byteLength } of buffers) bytes += byteLength;
  return bytes;
}

/** The storages of all tensors that values reach, each once. */
function reachableStorages(roots: readonly Value[]): Set<Storage> {
  const storages = new Set<Storage>();
  for (const value of reachable(roots)) if (value instanceof StridedTensor) storages.add(value.storage);
  return storages;
}

/** What values reach: tensors, and each container and object once. */
export function* reachable(roots: readonly Value[]): Iterable<Value> {
  const seen = new Set<Value>();
  const pending: Value[] = [...roots];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    if (value instanceof StridedTensor) {
      yield value;
      continue;
    }
    if (seen.has(value)) continue;
    seen.add(value);
    yield value;
    if (value instanceof PyList || value instanceof PyTuple) for (const item of value.items) pending.push(item);
    else if (value instanceof PyDict) for (const entry of value.entries.values()) pending.push(...entry);
    else if (value instanceof PySet) for (const item of value.entries.values()) pending.push(item);
    else if (value instanceof PyObject) {
      for (const item of value.attributes.values()) pending.push(item);
      if (value.module !== undefined) {
        for (const tensor of value.module.parameters.values()) if (tensor !== null) pending.push(tensor);
        for (const { tensor } of value.module.buffers.values()) if (tensor !== null) pending.push(tensor);
        for (const child of value.module.modules.values()) if (child !== null) pending.push(child);
      }
    }
  }
}

/** Most tensors that an output is flattened into. */
const maxOutputs = 1_000;

/** The tensors of a result, tuples and dicts flattened in order. */
export function flattenTensors(value: Value): StridedTensor[] {
  const found: StridedTensor[] = [];
  const pending: Value[] = [value];
  const seen = new Set<Value>();
  for (let one = pending.shift(); one !== undefined && found.length < maxOutputs; one = pending.shift()) {
    if (one instanceof StridedTensor) found.push(one);
    else if (typeof one === 'object' && one !== null) {
      if (seen.has(one)) continue;
      seen.add(one);
      if (one instanceof PyList || one instanceof PyTuple) pending.unshift(...one.items);
      else if (one instanceof PyDict) pending.unshift(...[...one.entries.values()].map(([, item]) => item));
      else if (one instanceof PyObject && !one.type.isModule) pending.unshift(...one.attributes.values());
    }
  }
  return found;
}
