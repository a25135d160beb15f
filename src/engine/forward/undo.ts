import type { Budget } from './interpreter/budget';
import { reachableStorages } from './runProgram';
import { clone, type Storage, type StridedTensor } from './values/stridedTensor';
import type { PyObject } from './values/values';

/**
 * What a run changes of a model: attributes that it assigns, and values that it writes over in
 * place. Each is kept when it is first changed, so that a run that changes nothing costs nothing.
 */
export class Undo {
  private readonly steps: (() => void)[] = [];
  private readonly kept = new Set<Storage | PyObject>();

  /** Watches the modules of a model and every tensor that they reach. */
  constructor(modules: Iterable<PyObject>) {
    const objects = [...modules];
    for (const object of objects) object.beforeChange = () => this.keepObject(object);
    for (const storage of reachableStorages(objects))
      storage.beforeWrite = (budget) => this.keepStorage(storage, budget);
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
      storage.packed = packed;
    });
  }

  /** A result that stays what it is: a copy where its memory is about to be restored. */
  detached(tensor: StridedTensor, budget: Budget): StridedTensor {
    return this.kept.has(tensor.storage) ? clone(budget, tensor) : tensor;
  }

  /** Everything as it was before the first change. */
  restore(): void {
    for (const step of this.steps.splice(0)) step();
    this.kept.clear();
  }
}

function restorer<T>(map: Map<string, T>): () => void {
  const before = [...map];
  return () => {
    map.clear();
    for (const [name, value] of before) map.set(name, value);
  };
}
