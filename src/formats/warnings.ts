import type { Warning } from './types';

/** More warnings than a person reads; a hostile file can cause millions. */
const maxWarnings = 100;

export function cappedWarnings(warnings: readonly Warning[]): Warning[] {
  if (warnings.length <= maxWarnings) return [...warnings];
  const more = warnings.length - maxWarnings;
  return [...warnings.slice(0, maxWarnings), { code: 'E_WARNING_LIMIT', message: `There are ${more} more warnings.` }];
}
