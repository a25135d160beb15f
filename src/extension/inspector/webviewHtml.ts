import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** Which page the webview shows: the whole inspector, or the small one of the side bar. */
export type ViewKind = 'editor' | 'side';

/** Sets up a webview: only our bundle may load, only our script may run, nothing may be fetched. */
export function prepareWebview(webview: vscode.Webview, extensionUri: vscode.Uri, kind: ViewKind): void {
  const root = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
  webview.options = { enableScripts: true, enableCommandUris: false, enableForms: false, localResourceRoots: [root] };
  const asset = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(root, name)).toString();
  const nonce = randomBytes(16).toString('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource} blob:`,
  ].join('; ');
  // The translated texts, as data that no parser takes for markup.
  const texts = vscode.l10n.bundle === undefined ? '' : JSON.stringify(vscode.l10n.bundle).replace(/</g, '\\u003c');
  webview.html = `<!DOCTYPE html>
<html lang="${vscode.env.language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${asset('main.css')}">
<title>Quantscope</title>
</head>
<body data-view="${kind}">
<div id="root"></div>
<script type="application/json" id="texts">${texts}</script>
<script nonce="${nonce}" src="${asset('main.js')}"></script>
</body>
</html>`;
}
