/**
 * The engine's thread knows no language: its errors and warnings are said in another one by their
 * code. `E_ZIP_DUP_NAME` is looked up as itself, then as `E_ZIP_DUP`, then as its family `E_ZIP`.
 */
export function codeKeys(code: string): string[] {
  const parts = code.split('_');
  return Array.from({ length: Math.max(0, parts.length - 1) }, (_, i) => parts.slice(0, parts.length - i).join('_'));
}

/** The sentence of a code; undefined where the language has none, as English does: the message itself is English. */
export function codeText(code: string, translate: (key: string) => string): string | undefined {
  for (const key of codeKeys(code)) {
    const text = translate(key);
    if (text !== key) return text;
  }
  return undefined;
}
