import type { Warning } from './types';

/** More warnings than a person reads; a hostile file can cause millions. */
const maxWarnings = 100;

/** The first of them, and how many more there are, under `code`. */
export function cappedWarnings(warnings: readonly Warning[], code = 'E_WARNING_LIMIT'): Warning[] {
  if (warnings.length <= maxWarnings) return [...warnings];
  const more = warnings.length - maxWarnings;
  return [...warnings.slice(0, maxWarnings), { code, message: `There are ${more} more warnings.` }];
}
