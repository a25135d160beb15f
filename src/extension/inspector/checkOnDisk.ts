import type * as vscode from 'vscode';
import { unsupported } from '../../core/errors';

/**
 * Files are read by range from the disk of the machine that the extension runs on. The path of a file elsewhere, such
 * as an older version in Git, may name another one there.
 */
export function checkOnDisk({ scheme }: Pick<vscode.Uri, 'scheme'>): void {
  if (scheme === 'file') return;
  throw unsupported('E_NOT_ON_DISK', 'The file is not on the disk of this machine.', {
    found: `a file of ${scheme}:`,
    expected: 'a file that can be read piece by piece',
    hint: 'Save a copy of it and open that.',
  });
}
