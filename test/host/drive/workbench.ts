import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Browser, FrameLocator, Locator, Page } from 'playwright-core';

/** A real VS Code in a real browser, driven as a person would: by what is on the screen. */

function findRoot(folder: string): string {
  return existsSync(join(folder, 'biome.json')) ? folder : findRoot(dirname(folder));
}

export const root = findRoot(__dirname);
const screenshots = join(root, '.cache', 'screenshots');

export type ThemeName = 'dark' | 'light' | 'high-contrast';

const themes: Record<ThemeName, { readonly label: string; readonly marker: string }> = {
  dark: { label: 'Dark Modern', marker: 'vs-dark' },
  light: { label: 'Light Modern', marker: 'vs' },
  'high-contrast': { label: 'Dark High Contrast', marker: 'hc-black' },
};

interface Server {
  readonly port: number;
  readonly url: string;
  stop(): void;
  readonly exited: Promise<unknown>;
}

interface Harness {
  ensureServer(): Promise<void>;
  startServer(options: {
    profile: string;
    restricted?: boolean;
    environment?: Readonly<Record<string, string>>;
  }): Promise<Server>;
  installExtension(profile: string, vsix: string): Promise<void>;
  developmentUrl(server: Server, folder: string, extra?: readonly (readonly [string, string])[]): string;
}

/** The scripts are ES modules, which this CommonJS file can only import at run time. */
const importScript = (name: string) => import(join(root, 'scripts', 'lib', `${name}.mjs`));
const harness = () => importScript('vscodeServer') as Promise<Harness>;

export interface InsideOptions {
  readonly profile: string;
  readonly folder: string;
  /** The module whose `run()` the extension host calls. */
  readonly tests: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs a suite inside the extension host of a VS Code server; returns what it logged. */
export async function runInServer({ profile, folder, tests, environment }: InsideOptions): Promise<string> {
  const { ensureServer, startServer, developmentUrl } = await harness();
  await ensureServer();
  const server = await startServer({ profile, environment });
  const { launchBrowser } = (await importScript('browser')) as { launchBrowser(): Promise<Browser> };
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const log: string[] = [];
    const exited = new Promise<void>((resolve) => {
      // VS Code calls these two when it runs tests in a browser.
      void page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) => void log.push(args.join(' ')));
      void page.exposeFunction('codeAutomationExit', () => resolve());
    });
    await page.goto(developmentUrl(server, folder, [['extensionTestsPath', tests]]));
    await Promise.race([exited, page.waitForTimeout(200_000)]);
    return log.join('\n');
  } finally {
    await browser.close();
    server.stop();
    await server.exited;
  }
}

export interface WorkbenchOptions {
  /** Files to put into the workspace: name in it, path of the original. */
  readonly files: Readonly<Record<string, string>>;
  readonly theme?: ThemeName;
  /** The folder is not trusted: VS Code's Restricted Mode. */
  readonly restricted?: boolean;
  /** Install this package instead of loading the repository as a development extension. */
  readonly vsix?: string;
}

/** What a page of ours said in the browser's console: errors, and what its policy refused. */
function watchConsole(page: Page): string[] {
  const problems: string[] = [];
  const ours = /\/dist\/webview\/|extensionId=quantscope\.quantscope/;
  page.on('console', (message) => {
    const { url } = message.location();
    if (message.type() === 'error' && ours.test(url)) problems.push(`${message.text()} (${url})`);
  });
  page.on('pageerror', (error) => {
    if ((error.stack ?? '').includes('/dist/webview/')) problems.push(error.stack ?? error.message);
  });
  return problems;
}

export class Workbench {
  /** Errors and policy violations of the extension's own pages since the window was opened. */
  readonly problems: readonly string[];

  private constructor(
    readonly page: Page,
    readonly folder: string,
    private readonly browser: Browser,
    private readonly server: Server,
    private readonly profile: string,
  ) {
    this.problems = watchConsole(page);
  }

  static async open({ files, theme = 'dark', vsix, restricted }: WorkbenchOptions): Promise<Workbench> {
    const { ensureServer, startServer, installExtension } = await harness();
    await ensureServer();
    const profile = await mkdtemp(join(tmpdir(), 'quantscope-profile-'));
    const folder = join(profile, 'models');
    await mkdir(folder);
    for (const [name, original] of Object.entries(files)) await cp(original, join(folder, name));
    if (vsix !== undefined) await installExtension(profile, vsix);
    const server = await startServer({ profile, restricted });
    try {
      const workbench = await Workbench.connect(server, profile, folder, Object.keys(files)[0], vsix === undefined);
      await workbench.setTheme(theme);
      return workbench;
    } catch (error) {
      server.stop();
      throw error;
    }
  }

  private static async connect(
    server: Server,
    profile: string,
    folder: string,
    firstFile: string,
    development: boolean,
  ): Promise<Workbench> {
    const { launchBrowser } = (await importScript('browser')) as { launchBrowser(): Promise<Browser> };
    const browser = await launchBrowser();
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const { developmentUrl } = await harness();
    await page.goto(
      development ? developmentUrl(server, folder) : `${server.url}/?folder=${encodeURIComponent(folder)}`,
    );
    const workbench = new Workbench(page, folder, browser, server, profile);
    await workbench.file(firstFile).waitFor({ timeout: 60_000 });
    await workbench.ready();
    return workbench;
  }

  /** Contributions arrive a moment after the window: the container's icon is one of them. */
  private async ready(): Promise<void> {
    await this.page.locator('.activitybar').getByRole('tab', { name: 'Quantscope' }).waitFor({ timeout: 60_000 });
    await this.page.locator('.statusbar-item').filter({ hasText: 'Layout' }).waitFor();
    await this.page.waitForTimeout(1500);
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.server.stop();
    await this.server.exited;
    await rm(this.profile, { recursive: true, force: true });
  }

  /** The entry of a file in the Explorer. */
  file(name: string): Locator {
    return this.page.locator('.explorer-folders-view').getByRole('treeitem', { name, exact: true });
  }

  async openFile(name: string): Promise<void> {
    await this.file(name).dblclick();
  }

  async closeEditors(): Promise<void> {
    await this.runCommand('View: Close All Editors');
  }

  /** Clicks the extension's icon in the activity bar. */
  async showContainer(): Promise<void> {
    await this.page.locator('.activitybar').getByRole('tab', { name: 'Quantscope' }).click();
  }

  /** The native tree of the active model. */
  modulesTree(): Locator {
    return this.page.locator('.pane').filter({ hasText: 'Modules' }).getByRole('tree').first();
  }

  /** Right click on a file, then a click on an item of the menu. */
  async contextMenu(name: string, item: string): Promise<void> {
    await this.file(name).click({ button: 'right' });
    const found = this.page.getByRole('menuitem', { name: item });
    await found.hover();
    // A menu ignores the mouse for a moment, so that the click that opened it chooses nothing.
    await this.page.waitForTimeout(300);
    await found.click();
  }

  async runCommand(title: string): Promise<void> {
    await this.page.keyboard.press('F1');
    const input = this.page.locator('.quick-input-widget input');
    await input.fill(`>${title}`);
    await this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: title }).first().click();
  }

  /** Enter in the quick pick that is open. */
  async pick(label: string): Promise<void> {
    await this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: label }).first().click();
  }

  /** The page inside the webview of the active editor, or of the side bar. */
  webview(kind: 'editor' | 'side' = 'editor'): FrameLocator {
    // A hidden editor keeps its frame for a while.
    const frames = this.page.locator('iframe.webview.ready:visible');
    const found = kind === 'editor' ? frames.first() : frames.last();
    return found.contentFrame().frameLocator('#active-frame');
  }

  /** The pages of the editors that are on screen, left to right, once there are `count` of them. */
  async editors(count: number): Promise<FrameLocator[]> {
    const frames = this.page.locator('iframe.webview.ready:visible');
    await frames.nth(count - 1).waitFor();
    const all = await Promise.all(
      (await frames.all()).map(async (frame) => ({ frame, box: await frame.boundingBox() })),
    );
    return all
      .sort((a, b) => (a.box?.x ?? 0) - (b.box?.x ?? 0))
      .map(({ frame }) => frame.contentFrame().frameLocator('#active-frame'));
  }

  /** Reloads the window; `name` is a file of the Explorer that is waited for. */
  async reloadWindow(name: string): Promise<void> {
    // What was remembered is written a moment later, by VS Code itself every five seconds.
    await this.page.waitForTimeout(6000);
    await this.page.reload();
    await this.file(name).waitFor({ timeout: 60_000 });
    await this.ready();
    // An editor that VS Code did not open again is opened by hand: what it shows is what is remembered.
    const restored = this.page.locator('iframe.webview.ready:visible').first();
    await restored.waitFor({ timeout: 15_000 }).catch(() => this.openFile(name));
  }

  /** Through the palette, as a person would. */
  async setTheme(theme: ThemeName): Promise<void> {
    const { label, marker } = themes[theme];
    if (await this.page.locator(`.monaco-workbench.${marker}`).isVisible()) return;
    await this.runCommand('Preferences: Color Theme');
    const input = this.page.locator('.quick-input-widget input');
    await this.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
    await input.fill(label);
    await this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: label }).first().waitFor();
    await this.page.keyboard.press('Enter');
    await this.page.locator(`.monaco-workbench.${marker}`).waitFor({ timeout: 20_000 });
  }

  async screenshot(name: string): Promise<string> {
    await mkdir(screenshots, { recursive: true });
    const path = join(screenshots, `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }
}
