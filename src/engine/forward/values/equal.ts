import { StridedTensor } from './stridedTensor';
import { DeviceValue, DTypeValue, PyDict, PyFloat, PyList, PyTuple, type Value } from './values';

/** How deep `==` looks into containers: a list may hold itself. */
const maxDepth = 100;

/** Python's `==` of values that are no tensors; tensors are equal only to themselves here. */
export function equalValues(a: Value, b: Value, depth = 0): boolean {
  if (a === b) return true;
  const [x, y] = [plainNumber(a), plainNumber(b)];
  if (x !== undefined || y !== undefined) return x === y;
  if (depth > maxDepth || a instanceof StridedTensor || b instanceof StridedTensor) return false;
  if ((a instanceof PyList && b instanceof PyList) || (a instanceof PyTuple && b instanceof PyTuple)) {
    return a.items.length === b.items.length && a.items.every((item, i) => equalValues(item, b.items[i], depth + 1));
  }
  if (a instanceof PyDict && b instanceof PyDict) {
    if (a.entries.size !== b.entries.size) return false;
    return [...a.entries].every(([key, [, value]]) => {
      const other = b.entries.get(key);
      return other !== undefined && equalValues(value, other[1], depth + 1);
    });
  }
  if (a instanceof DTypeValue && b instanceof DTypeValue) return a.dtype === b.dtype;
  if (a instanceof DTypeValue && typeof b === 'number') return false;
  return a instanceof DeviceValue && (b instanceof DeviceValue || b === 'cpu');
}

function plainNumber(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  return value instanceof PyFloat ? value.value : undefined;
}
