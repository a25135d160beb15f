import type * as vscode from 'vscode';
import type { WholeCodeDto } from '../../protocol/forwardDto';
import type { Services } from '../services';

const key = (uri: vscode.Uri) => `quantscope.code:${uri.toString()}`;

/** The class that was chosen for a file in this workspace; a plan is kept in a file of its own. */
export function rememberedCode({ context }: Services, uri: vscode.Uri): WholeCodeDto {
  const source = context.workspaceState.get<WholeCodeDto['source']>(key(uri));
  return source === undefined ? {} : { source };
}

export function rememberCode({ context }: Services, uri: vscode.Uri, { source }: WholeCodeDto): void {
  void context.workspaceState.update(key(uri), source);
}
