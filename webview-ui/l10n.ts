import { config, t as translate } from '@vscode/l10n';
import { codeText } from '../src/protocol/codeKeys';

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
  for (const { pattern, say } of withNames) {
    const found = pattern.exec(text);
    if (found !== null) return say(found[1], found[2] ?? '');
  }
  return t(text);
}

/** Reasons that hold a name, which stays as it is. */
const withNames: readonly { readonly pattern: RegExp; say(first: string, second: string): string }[] = [
  { pattern: /^tied to (.*)$/, say: (name) => t('tied to {0}', name) },
  {
    pattern: /^part of (.*), a (\w+) that is taken as one$/,
    say: (name, type) => t('part of {0}, a {1} taken as one', name, type),
  },
  {
    pattern: /^(\w+) is not a type that quantize_dynamic knows$/,
    say: (type) => t('quantize_dynamic does not know {0}', type),
  },
  { pattern: /^(\w+) takes float_qparams only$/, say: (type) => t('{0} takes float_qparams only', type) },
  { pattern: /^(\w+) does not take (\w+)$/, say: (type, qconfig) => t('{0} does not take {1}', type, qconfig) },
  { pattern: /^Quantscope cannot quantize (\w+)$/, say: (type) => t('Quantscope cannot quantize {0}', type) },
];

/** What an error or a warning of the engine says, by its code; English says the message itself. */
export function engineMessage({ code, message }: { readonly code: string; readonly message: string }): string {
  return codeText(code, t) ?? message;
}

/** Whether the message in English adds something to what is shown. */
export function isTranslated({ code }: { readonly code: string }): boolean {
  return codeText(code, t) !== undefined;
}
