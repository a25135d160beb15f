import type { Warning } from '../types';
import type { ZipEntry } from '../zip/types';

/** Libraries that an archive carries; Python would load them, Quantscope does not. */
export function nativeCodeWarnings(entries: readonly ZipEntry[]): Warning[] {
  const native = entries.find(({ name }) => /\.(so|dll|dylib|pyd|ptx|cubin)$/i.test(name));
  if (native === undefined) return [];
  const message = `The archive contains native code, such as ${JSON.stringify(native.name.slice(0, 80))}. Quantscope does not load it.`;
  return [{ code: 'E_PT_NATIVE_CODE', message }];
}
