import type { DType } from '../../core/dtype';
import { globalCall } from '../pickle/access';
import { kindOf } from '../pickle/kindOf';
import { PickleGlobal, PickleList, PickleTuple, type PickleValue } from '../pickle/types';
import { dtypeNamed } from './dtypes';
import { maxRank } from './limits';
import { Problem } from './problem';

/** Arguments of PyTorch's rebuild functions, as data: each says what it should have been. */

export function integer(value: PickleValue | undefined, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  const found = typeof value === 'bigint' ? `${value}` : kindOf(value ?? null);
  throw new Problem('E_PT_ARGUMENT', `Argument ${name} is not a whole number that fits.`, { found, expected: 'int' });
}

/** A tuple, list or torch.Size of whole numbers. */
export function sizes(value: PickleValue | undefined, name: string): number[] {
  const call = globalCall(value);
  const items = call?.name === 'torch.Size' ? call.args[0] : value;
  if (!(items instanceof PickleTuple || items instanceof PickleList)) {
    throw new Problem('E_PT_ARGUMENT', `Argument ${name} is not a tuple of ints.`, {
      found: kindOf(items ?? null),
      expected: 'tuple',
    });
  }
  if (items.items.length > maxRank) {
    throw new Problem('E_PT_RANK', `The tensor has ${items.items.length} dimensions; the limit is ${maxRank}.`);
  }
  return items.items.map((item) => integer(item, name));
}

export function dtypeArgument(value: PickleValue | undefined): DType {
  const dtype = value instanceof PickleGlobal && value.module === 'torch' ? dtypeNamed(value.name) : undefined;
  if (dtype === undefined) throw new Problem('E_PT_DTYPE', `${kindOf(value ?? null)} is no known dtype.`);
  return dtype;
}
