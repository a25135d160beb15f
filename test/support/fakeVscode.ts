import { readFileSync } from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';

/**
 * The few parts of the `vscode` module that the inspector's host side uses, so that it runs
 * outside VS Code: the real document, the real validation and the real engine thread behind a
 * page in a browser. Call `installFakeVscode` before importing anything of src/extension.
 */

type Listener<T> = (value: T) => void;

class EventEmitter<T> {
  private readonly listeners = new Set<Listener<T>>();
  readonly event = (listener: Listener<T>) => {
    this.listeners.add(listener);
    return { dispose: () => this.listeners.delete(listener) };
  };
  fire(value: T): void {
    for (const listener of [...this.listeners]) listener(value);
  }
  dispose(): void {
    this.listeners.clear();
  }
}

class Uri {
  private constructor(
    readonly scheme: string,
    readonly path: string,
    readonly query = '',
    readonly fragment = '',
  ) {}
  static file(path: string): Uri {
    return new Uri('file', path);
  }
  static from(parts: { scheme: string; path: string; query?: string; fragment?: string }): Uri {
    return new Uri(parts.scheme, parts.path, parts.query, parts.fragment);
  }
  static parse(text: string): Uri {
    return new Uri('file', text.replace(/^file:\/\//, ''));
  }
  static joinPath(base: Uri, ...parts: string[]): Uri {
    return new Uri(base.scheme, join(base.path, ...parts));
  }
  get fsPath(): string {
    return this.path;
  }
  toString(): string {
    return `${this.scheme}://${this.path}`;
  }
}

export interface FakeVscodeOptions {
  readonly root: string;
  readonly language?: 'en' | 'ko';
}

export interface FakeVscode {
  /** Every command that was run, with its arguments. */
  readonly commands: (readonly unknown[])[];
  readonly clipboard: string[];
  /** Lines of the output channel from `warn` up. */
  readonly log: string[];
  readonly settings: Map<string, unknown>;
  /** Where the next save dialogs are answered with; a dialog without an answer was closed. */
  readonly targets: string[];
  /** What those dialogs proposed. */
  readonly proposed: string[];
  /** What was said in notifications. */
  readonly said: string[];
  setLanguage(language: 'en' | 'ko'): void;
  /** Every text in brackets, so that what is not translated stands out. */
  usePseudoTexts(): void;
}

/** Answers `require('vscode')` from now on; one for the whole process. */
export function installFakeVscode({ root, language = 'en' }: FakeVscodeOptions): FakeVscode {
  const commands: (readonly unknown[])[] = [];
  const clipboard: string[] = [];
  const log: string[] = [];
  const settings = new Map<string, unknown>();
  const targets: string[] = [];
  const proposed: string[] = [];
  const said: string[] = [];
  const say = async (text: string) => void said.push(text);
  const env = {
    language,
    sessionId: 'session',
    clipboard: { writeText: async (text: string) => void clipboard.push(text) },
  };
  const l10n = {
    bundle: undefined as Record<string, string> | undefined,
    t(text: string, ...values: unknown[]): string {
      const translated = l10n.bundle?.[text] ?? text;
      return translated.replace(/\{(\d)\}/g, (_, index: string) => String(values[Number(index)]));
    },
  };
  const write = (level: string) => (message: string) => void log.push(`${level} ${message}`);
  const fake = {
    EventEmitter,
    Uri,
    env,
    l10n,
    ProgressLocation: { Notification: 15 },
    commands: {
      executeCommand: async (...words: unknown[]) => void commands.push(words),
      registerCommand: () => ({ dispose() {} }),
    },
    workspace: {
      workspaceFolders: undefined,
      getConfiguration: () => ({ get: (id: string) => settings.get(id) }),
    },
    window: {
      showSaveDialog: async ({ defaultUri }: { defaultUri: Uri }) => {
        proposed.push(defaultUri.path.replace(/^.*\//, ''));
        const target = targets.shift();
        return target === undefined ? undefined : Uri.file(target);
      },
      showInformationMessage: say,
      showErrorMessage: say,
      withProgress: (_: unknown, work: (progress: unknown, token: unknown) => unknown) =>
        work({ report() {} }, { onCancellationRequested() {} }),
      createOutputChannel: () => ({ info() {}, warn: write('warn'), error: write('error'), dispose() {} }),
    },
  };
  const loader = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
  const load = loader._load;
  loader._load = (request, ...rest) => (request === 'vscode' ? fake : load.call(loader, request, ...rest));
  return {
    commands,
    clipboard,
    log,
    settings,
    targets,
    proposed,
    said,
    usePseudoTexts() {
      const english = JSON.parse(readFileSync(join(root, 'l10n', 'bundle.l10n.json'), 'utf8')) as Record<
        string,
        string
      >;
      l10n.bundle = Object.fromEntries(Object.entries(english).map(([key, text]) => [key, `⟦${text}⟧`]));
    },
    setLanguage(next) {
      env.language = next;
      l10n.bundle =
        next === 'en' ? undefined : JSON.parse(readFileSync(join(root, 'l10n', `bundle.l10n.${next}.json`), 'utf8'));
    },
  };
}
