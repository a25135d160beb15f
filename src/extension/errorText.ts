import * as vscode from 'vscode';
import { codeText } from '../protocol/codeKeys';
import type { ErrorDto } from '../protocol/dto';

/** What is wrong and what to do, for a notification: in VS Code's language where that knows the code. */
export function errorText({ code, message, hint }: ErrorDto): string {
  const translated = codeText(code, (key) => vscode.l10n.t(key));
  return translated === undefined ? [message, hint].filter(Boolean).join(' ') : `${translated} (${message})`;
}
