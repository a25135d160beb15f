// Every text that the webview and the extension show, read off the sources; writes l10n/bundle.l10n.json
// and says what the Korean bundle lacks: node scripts/l10n.mjs
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { root } from './lib/run.mjs';

function sources(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function parse(path) {
  const kind = path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true, kind);
}

function visit(node, see) {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

/** Which arguments of a call are texts: t(text, …), vscode.l10n.t(text, …), phrase(pattern, text), plural(count, one, many, …). */
function textArguments(call) {
  const name = call.expression.getText();
  if (name === 't' || name === 'vscode.l10n.t') return call.arguments.slice(0, 1);
  if (name === 'phrase') return call.arguments.slice(1, 2);
  return name === 'plural' ? call.arguments.slice(1, 3) : [];
}

/** Beside the page and the extension: what the engine's thread says in the words that it is given. */
const reportSources = ['src/model/reportHtml.ts', 'src/protocol/engineText.ts'].map((path) => join(root, path));

/** Texts by the place that uses them first. A choice between two literals counts as both. */
export function shownTexts() {
  const texts = new Map();
  for (const path of [...sources('webview-ui'), ...sources('src/extension'), ...reportSources]) {
    const file = parse(path);
    const add = (node) => {
      if (ts.isStringLiteralLike(node)) texts.set(node.text, texts.get(node.text) ?? relative(root, path));
      else if (ts.isConditionalExpression(node)) for (const side of [node.whenTrue, node.whenFalse]) add(side);
    };
    visit(file, (node) => {
      if (ts.isCallExpression(node)) for (const argument of textArguments(node)) add(argument);
    });
  }
  for (const key of engineCodes()) texts.set(key, 'src');
  for (const text of engineTexts()) texts.set(text, texts.get(text) ?? 'src/model');
  return texts;
}

/** Texts that come from the engine's thread, which knows no language: the webview translates them where it shows them. */
function engineTexts() {
  return JSON.parse(readFileSync(join(root, 'l10n', 'engineTexts.json'), 'utf8'));
}

/** Codes of errors and warnings, or their families, that have a sentence of their own in other languages. */
export function engineCodes() {
  return JSON.parse(readFileSync(join(root, 'l10n', 'engineCodes.json'), 'utf8'));
}

/** Every code that the engine's sources name. */
export function usedCodes() {
  const used = new Set();
  for (const path of sources('src'))
    for (const [code] of readFileSync(path, 'utf8').matchAll(/\bE_[A-Z0-9]+(_[A-Z0-9]+)*\b/g)) used.add(code);
  return [...used].sort();
}

const attributes = new Set(['title', 'aria-label', 'placeholder', 'label', 'alt']);

/** Words in the markup of the webview that go around t(): each as "file: text". */
export function looseTexts(allowed) {
  const loose = [];
  for (const path of sources('webview-ui').filter((name) => name.endsWith('x'))) {
    const check = (text) => {
      if (/\p{L}{2}/u.test(text) && !allowed.has(text.trim())) loose.push(`${relative(root, path)}: ${text.trim()}`);
    };
    visit(parse(path), (node) => {
      if (ts.isJsxText(node)) check(node.text);
      if (ts.isJsxAttribute(node) && attributes.has(node.name.getText()) && node.initializer !== undefined)
        if (ts.isStringLiteral(node.initializer)) check(node.initializer.text);
    });
  }
  return loose;
}

export function bundle(language) {
  const name = language === 'en' ? 'bundle.l10n.json' : `bundle.l10n.${language}.json`;
  return JSON.parse(readFileSync(join(root, 'l10n', name), 'utf8'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const texts = [...shownTexts().keys()].sort();
  const english = Object.fromEntries(texts.map((text) => [text, text]));
  writeFileSync(join(root, 'l10n', 'bundle.l10n.json'), `${JSON.stringify(english, null, 2)}\n`);
  const korean = bundle('ko');
  const missing = texts.filter((text) => korean[text] === undefined);
  const stale = Object.keys(korean).filter((text) => english[text] === undefined);
  if (missing.length > 0) console.log(`not in Korean yet:\n${missing.map((text) => JSON.stringify(text)).join('\n')}`);
  if (stale.length > 0) console.log(`no longer used:\n${stale.join('\n')}`);
}
