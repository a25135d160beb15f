import { kindOf } from '../pickle/kindOf';
import { PickleDict, PickleList, type PickleValue } from '../pickle/types';
import type { Warning } from '../types';
import { maxKeys } from './limits';

/** Keys that no dict of Python can have, or not twice: the last of equal ones counts there, and here. */
export function keyWarnings(
  entries: readonly (readonly [PickleValue, PickleValue])[],
  path: string,
  limit = maxKeys,
): Warning[] {
  const seen = new Set<PickleValue>();
  let unhashable: PickleValue | undefined;
  let twice: PickleValue | undefined;
  let uncompared = false;
  for (const [key] of entries) {
    if (key instanceof PickleList || key instanceof PickleDict) unhashable ??= key;
    // One object is equal to itself, but two objects may be equal too, and NaN is not.
    if (typeof key === 'object' || Number.isNaN(key)) continue;
    const value = typeof key === 'boolean' ? Number(key) : key;
    if (seen.has(value)) twice ??= value;
    else if (seen.size < limit) seen.add(value);
    else uncompared = true;
  }
  const where = path === '' ? 'The dict of the file' : `The dict ${JSON.stringify(path.slice(0, maxText))}`;
  const warnings: Warning[] = [];
  if (unhashable !== undefined) {
    const message = `${where} has a ${kindOf(unhashable)} as a key, which Python cannot hash; torch.load refuses it.`;
    warnings.push({ code: 'E_PICKLE_KEY', message });
  }
  if (twice !== undefined) {
    const key = typeof twice === 'string' ? JSON.stringify(twice.slice(0, maxText)) : String(twice);
    warnings.push({ code: 'E_PICKLE_DUPLICATE_KEY', message: `${where} has the key ${key} twice; the last counts.` });
  }
  if (uncompared) {
    const message = `${where} has more than ${limit} keys; only so many were compared with each other.`;
    warnings.push({ code: 'E_PT_LIMIT', message });
  }
  return warnings;
}

const maxText = 80;
