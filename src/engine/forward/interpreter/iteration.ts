import { select } from '../operators/shape';
import { iterate } from '../values/protocols';
import type { StridedTensor } from '../values/stridedTensor';
import { PyList, PyRange, PyTuple, type Value } from '../values/values';
import type { Run } from './run';

const row = (tensor: StridedTensor, index: number) => select(tensor, 0, index);

/** Walks an iterable, one step charged an item; `visit` may return 'stop'. */
export function forEachItem(run: Run, value: Value, visit: (item: Value) => unknown): void {
  if (value instanceof PyRange) {
    const count = value.length;
    for (let i = 0; i < count; i++) {
      run.budget.step();
      if (visit(value.start + i * value.step) === 'stop') return;
    }
    return;
  }
  if (value instanceof PyList || value instanceof PyTuple) {
    for (let i = 0; i < value.items.length; i++) {
      run.budget.step();
      if (visit(value.items[i]) === 'stop') return;
    }
    return;
  }
  for (const item of iterate(run, value, row)) {
    run.budget.step();
    if (visit(item) === 'stop') return;
  }
}
