import type { Warning } from './types';

/** Two models in one file, one behind or beside the other: which of them is read depends on the tool. */
const codes: ReadonlySet<string> = new Set([
  'E_PT_TWO_PICKLES',
  'E_PT_TWO_MODELS',
  'E_PT_TWO_ROOTS',
  'E_ZIP_APPENDED',
  'E_ZIP_DUP_NAME',
  'E_ZIP_NAME_CASE',
  'E_ZIP_TWO_EOCD',
]);

/** Why another tool may find another model in the file; undefined where all agree. */
export function ambiguity({ warnings }: { readonly warnings: readonly Warning[] }): Warning | undefined {
  return warnings.find(({ code }) => codes.has(code));
}
