import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { InspectorDocument } from '../../../src/extension/inspector/inspectorDocument';
import { type FakeVscode, installFakeVscode } from '../../support/fakeVscode';
import { root } from '../../support/root';

/**
 * The inspector's page in a real browser, with the real document, the real channel with its
 * checks and the real engine thread behind it. Only VS Code itself is played by a stand-in: its
 * theme variables were read from a real one.
 */

export type Theme = 'dark' | 'light' | 'high-contrast' | 'high-contrast-light';
export const themes: readonly Theme[] = ['dark', 'light', 'high-contrast', 'high-contrast-light'];

const themeData = JSON.parse(readFileSync(join(root, 'test', 'ui', 'themes.json'), 'utf8')) as Record<
  Theme,
  { class: string; kind: string; variables: Record<string, string> }
>;

export const vscode: FakeVscode = installFakeVscode({ root });

const types: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css', '.ttf': 'font/ttf' };

export interface PageOptions {
  readonly theme?: Theme;
  readonly language?: 'en' | 'ko' | 'pseudo';
  readonly width?: number;
  readonly height?: number;
  readonly kind?: 'editor' | 'side';
}

export interface InspectorPage {
  readonly page: Page;
  readonly document: InspectorDocument;
  /** Console errors, exceptions and policy violations of the page so far. */
  readonly problems: string[];
  setTheme(theme: Theme): Promise<void>;
  /** What a reload of the window does: a new page on the same document with the page's saved state. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** One browser and one server for many pages. */
export class Inspector {
  private constructor(
    private readonly browser: Browser,
    private readonly server: Server,
    private readonly pages: Map<string, string>,
  ) {}

  static async start(): Promise<Inspector> {
    const { launchBrowser } = (await import(join(root, 'scripts', 'lib', 'browser.mjs'))) as {
      launchBrowser(): Promise<Browser>;
    };
    const pages = new Map<string, string>();
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname;
      const html = pages.get(path);
      if (html !== undefined) {
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html);
        return;
      }
      if (path === '/favicon.ico') {
        response.writeHead(204).end();
        return;
      }
      try {
        const body = readFileSync(join(root, 'dist', 'webview', path.replace(/^.*\//, '')));
        response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' }).end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Inspector(await launchBrowser(), server, pages);
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Opens a model file in the inspector. */
  async open(file: string, options: PageOptions = {}): Promise<InspectorPage> {
    const { theme = 'dark', language = 'en', width = 1012, height = 744, kind = 'editor' } = options;
    if (language === 'pseudo') vscode.usePseudoTexts();
    else vscode.setLanguage(language);
    // After the stand-in is installed: these import vscode.
    const { InspectorDocument: Document, connectView, prepareWebview, Uri } = hostSide();
    const services = fakeServices();
    const document = new Document(Uri.file(file), services);
    void document.load();
    const context = await this.browser.newContext({ viewport: { width, height } });
    const page = await context.newPage();
    const problems = collectProblems(page);
    let receive: (message: unknown) => void = () => {};
    const webview = {
      html: '',
      options: {},
      cspSource: "'self'",
      asWebviewUri: (uri: { path: string }) => `/assets/${uri.path.replace(/^.*\//, '')}`,
      onDidReceiveMessage: (listener: (message: unknown) => void) => {
        receive = listener;
        return { dispose() {} };
      },
      // VS Code's messages are JSON, which has no NaN and no infinity.
      postMessage: (message: unknown) => page.evaluate(deliver, JSON.parse(JSON.stringify(message))).catch(() => {}),
    };
    const connect = () =>
      connectView(webview as never, services, () => document, document.onDidChange as import('vscode').Event<unknown>);
    let view = connect();
    prepareWebview(webview as never, Uri.file(root), kind);
    const path = `/page-${this.pages.size}.html`;
    this.pages.set(path, webview.html);
    let saved: unknown;
    await page.exposeFunction('quantscopePost', (message: unknown) => receive(message));
    await page.exposeFunction('quantscopeSave', (state: unknown) => {
      saved = state;
    });
    const url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${path}`;
    const show = async () => {
      await page.addInitScript(playVsCode, { saved, theme: themeData[currentTheme] });
      await page.goto(url);
      await page.locator('.app, .state-page, .side').first().waitFor();
    };
    let currentTheme = theme;
    await show();
    return {
      page,
      document,
      problems,
      async setTheme(next) {
        currentTheme = next;
        await page.evaluate(applyTheme, themeData[next]);
      },
      async reload() {
        view.dispose();
        view = connect();
        await show();
      },
      async close() {
        view.dispose();
        document.dispose();
        services.pool.dispose();
        await context.close();
      },
    };
  }
}

/** Required at run time, when the stand-in answers for `vscode`. */
export function hostSide() {
  return {
    ...(require('../../../src/extension/inspector/inspectorDocument') as typeof import('../../../src/extension/inspector/inspectorDocument')),
    ...(require('../../../src/extension/inspector/viewHost') as typeof import('../../../src/extension/inspector/viewHost')),
    ...(require('../../../src/extension/inspector/webviewHtml') as typeof import('../../../src/extension/inspector/webviewHtml')),
    ...(require('../../../src/extension/services') as typeof import('../../../src/extension/services')),
    Uri: (require('vscode') as typeof import('vscode')).Uri,
  };
}

/** The services of an extension that nobody installed. */
export function fakeServices() {
  const { createServices, Uri } = hostSide();
  return createServices({
    extensionUri: Uri.file(root),
    subscriptions: [],
    workspaceState: memento(),
    globalState: memento(),
  } as never);
}

function memento() {
  const values = new Map<string, unknown>();
  return {
    get: (key: string, fallback?: unknown) => values.get(key) ?? fallback,
    update: async (key: string, value: unknown) => void values.set(key, value),
    keys: () => [...values.keys()],
  };
}

function collectProblems(page: Page): string[] {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || /content security policy/i.test(message.text())) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  return problems;
}

/** Runs in the page. */
function deliver(message: unknown): void {
  window.dispatchEvent(new MessageEvent('message', { data: message }));
}

interface ThemeData {
  readonly class: string;
  readonly kind: string;
  readonly variables: Record<string, string>;
}

/** Runs in the page. */
function applyTheme({ class: name, kind, variables }: ThemeData): void {
  document.documentElement.removeAttribute('style');
  const { style } = document.documentElement;
  for (const [key, value] of Object.entries(variables)) style.setProperty(key, value);
  style.setProperty('background', 'var(--vscode-editor-background)');
  document.body.className = name;
  document.body.dataset.vscodeThemeKind = kind;
}

/** Runs in the page before anything else: what VS Code puts there. */
function playVsCode({ saved, theme }: { saved: unknown; theme: ThemeData }): void {
  const page = window as unknown as Record<string, unknown>;
  const post = page.quantscopePost as (message: unknown) => void;
  const save = page.quantscopeSave as (state: unknown) => void;
  let state = saved;
  page.acquireVsCodeApi = () => ({
    postMessage: (message: unknown) => post(message),
    getState: () => state,
    setState: (next: unknown) => {
      state = next;
      save(next);
    },
  });
  // The page's own script runs at the end of the body, which must be dressed by then.
  new MutationObserver((_, observer) => {
    if (document.body === null) return;
    observer.disconnect();
    const { style } = document.documentElement;
    for (const [key, value] of Object.entries(theme.variables)) style.setProperty(key, value);
    style.setProperty('background', 'var(--vscode-editor-background)');
    document.body.className = theme.class;
    document.body.dataset.vscodeThemeKind = theme.kind;
  }).observe(document, { childList: true, subtree: true });
}
