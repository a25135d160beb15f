import { PickleCall, PickleDict, PickleGlobal, PickleList, PickleSet, PickleTuple, type PickleValue } from './types';

/** What a value is called in Python. */
export function kindOf(value: PickleValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'string') return 'str';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof PickleList) return 'list';
  if (value instanceof PickleTuple) return 'tuple';
  if (value instanceof PickleDict) return 'dict';
  if (value instanceof PickleSet) return 'set';
  if (value instanceof PickleGlobal) return value.fullName;
  if (value instanceof PickleCall)
    return value.callee instanceof PickleGlobal ? `${value.callee.fullName} object` : 'object';
  return 'object';
}
