import type * as vscode from 'vscode';
import type { ForwardRequestDto } from '../../protocol/forwardDto';
import type { Services } from '../services';

type WholeCode = Pick<ForwardRequestDto, 'source' | 'plan'>;

const key = (uri: vscode.Uri) => `quantscope.code:${uri.toString()}`;

/** The class that was chosen for a file in this workspace; a plan is kept in a file of its own. */
export function rememberedCode({ context }: Services, uri: vscode.Uri): WholeCode {
  const source = context.workspaceState.get<WholeCode['source']>(key(uri));
  return source === undefined ? {} : { source };
}

export function rememberCode({ context }: Services, uri: vscode.Uri, { source }: WholeCode): void {
  void context.workspaceState.update(key(uri), source);
}
