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

/** A text that the engine's thread wrote, which knows no language: known words are translated, names and numbers stay. */
export function engineText(text: string): string {
  const kind = /^(\w+): (.*)$/.exec(text);
  if (kind !== null) return `${kind[1]}: ${t(kind[2])}`;
  const flattened = /^(.*), flattened$/.exec(text);
  if (flattened !== null) return t('{0}, flattened', flattened[1]);
  const part = /^(step|first) (\d+) (?:values )?of (.*)$/.exec(text);
  if (part !== null)
    return part[1] === 'step' ? t('step {0} of {1}', part[2], part[3]) : t('first {0} values of {1}', part[2], part[3]);
  return t(text);
}
