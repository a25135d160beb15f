import { StridedTensor } from './stridedTensor';
import {
  Callable,
  DeviceValue,
  DTypeValue,
  ellipsis,
  Namespace,
  PyClass,
  PyDict,
  PyFloat,
  PyList,
  PyObject,
  PyRange,
  PySet,
  PySlice,
  PyTuple,
  type Value,
} from './values';

/** Python's name of a value's type; tensors say their dtype and shape. */
export function describeType(value: Value): string {
  if (value === null) return 'None';
  if (value === ellipsis) return 'ellipsis';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'int';
  if (typeof value === 'string') return 'str';
  if (value instanceof StridedTensor) return `Tensor ${value.dtype} [${value.shape.join(', ')}]`;
  if (value instanceof PyObject) return value.type.name;
  if (value instanceof PyTuple) return value.typeName;
  if (value instanceof Namespace) return `module ${value.name}`;
  if (value instanceof PyClass) return `class ${value.name}`;
  const names: readonly [new (...args: never[]) => unknown, string][] = [
    [PyFloat, 'float'],
    [PyList, 'list'],
    [PyDict, 'dict'],
    [PySet, 'set'],
    [PyRange, 'range'],
    [PySlice, 'slice'],
    [DTypeValue, 'torch.dtype'],
    [DeviceValue, 'torch.device'],
  ];
  return names.find(([type]) => value instanceof type)?.[1] ?? (value instanceof Callable ? 'function' : 'object');
}
