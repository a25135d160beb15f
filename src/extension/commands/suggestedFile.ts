import * as vscode from 'vscode';

/** A file beside the model and named after it: `model.pt` gives `model.<end>`. */
export function suggestedFile(model: vscode.Uri, file: string, end: string): vscode.Uri {
  return vscode.Uri.joinPath(model, '..', `${file.replace(/\.[^.]*$/, '')}.${end}`);
}

/** Names of files may have 255 bytes, with the model's name before and a suffix behind. */
const maxLength = 160;

/** What a tensor or module is called, as a part of a file's name: the end of a long one says which it is. */
export function fileNamePart(name: string): string {
  return name.replace(/[^\w.-]/g, '_').slice(-maxLength);
}
