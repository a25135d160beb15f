import { config, t as translate } from '@vscode/l10n';

const texts = document.getElementById('texts')?.textContent;
if (texts) config({ contents: texts });

/** A text in VS Code's language, `{0}` and so on filled in. */
export function t(text: string, ...values: readonly (string | number)[]): string {
  return translate(text, ...values);
}

/** A text that names a count: its own sentence for one. */
export function plural(value: number, one: string, many: string, ...values: readonly (string | number)[]): string {
  return t(value === 1 ? one : many, ...values);
}

/** A text that the engine's thread wrote, which knows no language; `Embedding: not in the spec` keeps its first word. */
export function engineText(text: string): string {
  const parts = /^(\w+): (.*)$/.exec(text);
  return parts === null ? t(text) : `${parts[1]}: ${t(parts[2])}`;
}
