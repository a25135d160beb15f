import { type Category, category, type ElementType, isFloating } from './elements';
import { onlyElement, StridedTensor } from './stridedTensor';
import { PyFloat, type Value } from './values';

/** What takes part in arithmetic: tensors, and Python's numbers. */
export type Operand = StridedTensor | number | boolean | PyFloat;

const order: readonly ElementType[] = ['bool', 'uint8', 'int8', 'int16', 'int32', 'int64', 'float32', 'float64'];

/** The smallest type that holds both: torch.promote_types. */
export function promoteTypes(a: ElementType, b: ElementType): ElementType {
  if ((a === 'uint8' && b === 'int8') || (a === 'int8' && b === 'uint8')) return 'int16';
  return order.indexOf(a) >= order.indexOf(b) ? a : b;
}

/**
 * torch.result_type: tensors with dimensions decide; tensors of no dimension, and after them
 * numbers, only matter where their category (bool, int, float) is higher.
 */
export function resultType(...operands: readonly Operand[]): ElementType {
  const [first, second] = operands;
  if (operands.length === 2 && first instanceof StridedTensor) {
    const same = second instanceof StridedTensor ? second.type === first.type : isFloating(first.type);
    if (same) return first.type;
  }
  const tensors = operands.filter((one) => one instanceof StridedTensor);
  let result = promoteAll(tensors.filter(({ rank }) => rank > 0).map(({ type }) => type));
  result = raise(result, promoteAll(tensors.filter(({ rank }) => rank === 0).map(({ type }) => type)));
  const numbers = operands.flatMap((one) => (one instanceof StridedTensor ? [] : [numberType(one)]));
  return raise(result, promoteAll(numbers)) ?? 'float32';
}

function promoteAll(types: readonly ElementType[]): ElementType | undefined {
  return types.length === 0 ? undefined : types.reduce(promoteTypes);
}

function raise(type: ElementType | undefined, by: ElementType | undefined): ElementType | undefined {
  if (type === undefined || by === undefined) return type ?? by;
  return category(by) > category(type) ? by : type;
}

/** The dtype that a number has when it meets only numbers: the default float is float32. */
export function numberType(value: number | boolean | PyFloat): ElementType {
  if (typeof value === 'boolean') return 'bool';
  return value instanceof PyFloat ? 'float32' : 'int64';
}

export function operandCategory(value: Operand): Category {
  return category(value instanceof StridedTensor ? value.type : numberType(value));
}

export function numberOf(value: number | boolean | PyFloat): number {
  return value instanceof PyFloat ? value.value : Number(value);
}

/** The only element as Python's bool, int or float. */
export function itemOf(x: StridedTensor): Value {
  const value = onlyElement(x);
  return x.type === 'bool' ? value !== 0 : isFloating(x.type) ? new PyFloat(value) : value;
}
