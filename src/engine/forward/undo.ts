import type { Budget } from './interpreter/budget';
import { reachable } from './runProgram';
import { clone, type Storage, StridedTensor } from './values/stridedTensor';
import { PyDict, PyList, PyObject, PySet } from './values/values';

/**
 * What a run changes of a model: attributes that it assigns, values that it writes over in place, and what it puts
 * into lists, dicts and sets. The first two are kept when they are first changed, since they may be large; the items of
 * containers from the beginning.
 */
export class Undo {
  private readonly steps: (() => void)[] = [];
  private readonly kept = new Set<Storage | PyObject>();
  private readonly containers: (() => void)[] = [];

  /** Watches everything that the modules of a model reach. */
  constructor(modules: Iterable<PyObject>) {
    for (const value of reachable([...modules])) {
      if (value instanceof StridedTensor) {
        const { storage } = value;
        storage.beforeWrite = (budget) => this.keepStorage(storage, budget);
      } else if (value instanceof PyObject) value.beforeChange = () => this.keepObject(value);
      else if (value instanceof PyList) this.containers.push(listRestorer(value));
      else if (value instanceof PyDict) this.containers.push(restorer(value.entries));
      else if (value instanceof PySet) this.containers.push(restorer(value.entries));
    }
  }

  private keepObject(object: PyObject): void {
    if (this.kept.has(object)) return;
    this.kept.add(object);
    const { attributes, module } = object;
    for (const map of [attributes, module?.parameters, module?.buffers, module?.modules]) {
      if (map !== undefined) this.steps.push(restorer(map as Map<string, unknown>));
    }
  }

  private keepStorage(storage: Storage, budget: Budget): void {
    if (this.kept.has(storage)) return;
    budget.allocate(storage.data.byteLength);
    this.kept.add(storage);
    const [values, { packed }] = [storage.data.slice(), storage];
    this.steps.push(() => {
      storage.data.set(values);
      // What the kernels packed since then are the values of this run.
      storage.packed = packed === 'no' && storage.packed !== 'no' ? 'stale' : packed;
    });
  }

  /** A result that stays what it is: a copy where its memory is about to be restored. */
  detached(tensor: StridedTensor, budget: Budget): StridedTensor {
    return this.kept.has(tensor.storage) ? clone(budget, tensor) : tensor;
  }

  /** Everything as it was before the first change. */
  restore(): void {
    for (const step of this.steps.splice(0)) step();
    for (const step of this.containers) step();
    this.kept.clear();
  }
}

function listRestorer({ items }: PyList): () => void {
  const before = [...items];
  return () => {
    items.length = 0;
    for (const item of before) items.push(item);
  };
}

function restorer<K, T>(map: Map<K, T>): () => void {
  const before = [...map];
  return () => {
    map.clear();
    for (const [name, value] of before) map.set(name, value);
  };
}
