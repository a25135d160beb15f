import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { type GivenInputsDto, tokenizerName } from '../../protocol/forwardDto';
import type { InputsSource } from '../../protocol/viewApi';

/** What a forward pass takes instead of random inputs. Paths never come from the page. */
export class GivenInputs {
  private path = '';

  constructor(private readonly model: vscode.Uri) {}

  of(source: InputsSource, text: string): GivenInputsDto | null {
    if (source === 'literal') return { kind: 'literal', text };
    if (source === 'text') return { kind: 'text', text, tokenizer: join(dirname(this.model.fsPath), tokenizerName) };
    return source === 'file' && this.path !== '' ? { kind: 'file', path: this.path } : null;
  }

  /** Asks for a file with arrays; its path, or undefined where none was chosen. */
  async ask(): Promise<string | undefined> {
    const [uri] =
      (await vscode.window.showOpenDialog({
        canSelectMany: false,
        defaultUri: vscode.Uri.joinPath(this.model, '..'),
        openLabel: vscode.l10n.t('Use as Inputs'),
        filters: { [vscode.l10n.t('Arrays')]: ['npy', 'npz', 'pt', 'pth', 'safetensors'] },
      })) ?? [];
    if (uri !== undefined) this.path = uri.fsPath;
    return uri?.fsPath;
  }
}
