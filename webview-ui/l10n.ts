import { config, t as translate } from '@vscode/l10n';
import { codeText } from '../src/protocol/codeKeys';
import { sayAssumption, sayEngineText } from '../src/protocol/engineText';

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

/** A text that the engine's thread wrote, which knows no language. */
export const engineText = (text: string): string => sayEngineText(text, t);

/** Why a step of a forward plan stands where it does. */
export const assumption = (text: string): string => sayAssumption(text, t);

/** What an error or a warning of the engine says, by its code; English says the message itself. */
export function engineMessage({ code, message }: { readonly code: string; readonly message: string }): string {
  return codeText(code, t) ?? message;
}

/** Whether the message in English adds something to what is shown. */
export function isTranslated({ code }: { readonly code: string }): boolean {
  return codeText(code, t) !== undefined;
}
