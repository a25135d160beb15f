import { latin1Text } from '../../core/latin1Text';

/** A JSON object with a weight map among what comes first; `metadata` before it is small. */
export function sniffShardIndex(prefix: Uint8Array): boolean {
  const text = latin1Text(prefix);
  return /^\s*\{/.test(text) && /"weight_map"\s*:\s*\{/.test(text);
}
