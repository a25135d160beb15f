import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** The import table of docs/architecture.md. `type` marks folders that may only be imported as types. */
interface Rule {
  readonly from: string;
  readonly may: readonly string[];
  readonly type?: readonly string[];
  /** Packages and node: modules, by name or prefix. */
  readonly packages?: readonly string[];
}

const rules: readonly Rule[] = [
  { from: 'src/core', may: [] },
  { from: 'src/formats', may: ['src/core'], packages: ['node:zlib'] },
  { from: 'src/engine/forward/syntax/parsePython', may: ['src/core', 'src/engine/forward'], packages: ['py-ast'] },
  { from: 'src/engine', may: ['src/core'] },
  {
    from: 'src/model',
    may: ['src/core', 'src/formats', 'src/engine'],
    type: ['src/protocol'],
    packages: ['node:crypto'],
  },
  { from: 'src/protocol', may: ['src/core'] },
  { from: 'src/worker/enginePool', may: ['src/core', 'src/protocol'], packages: ['node:worker_threads'] },
  {
    from: 'src/worker/onnxRuntime',
    may: ['src/core', 'src/engine'],
    packages: ['node:', 'onnxruntime-web'],
  },
  {
    from: 'src/worker/tokenizer',
    may: ['src/core'],
    packages: ['node:path', '@huggingface/tokenizers'],
  },
  {
    from: 'src/worker',
    may: ['src/core', 'src/formats', 'src/engine', 'src/model', 'src/protocol'],
    packages: ['node:'],
  },
  {
    from: 'src/extension',
    may: ['src/core', 'src/protocol', 'src/worker/enginePool'],
    type: ['src/model', 'src/engine'],
    packages: ['vscode', 'valibot', 'node:path', 'node:crypto'],
  },
  { from: 'src/cli', may: ['src/core', 'src/model', 'src/protocol', 'src/worker/enginePool'], packages: ['node:'] },
  {
    from: 'webview-ui',
    may: ['src/protocol'],
    packages: ['preact', '@preact/signals', '@vscode/codicons', '@vscode/l10n'],
  },
];

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

const root = findRoot(__dirname);

function findRoot(folder: string): string {
  return existsSync(join(folder, 'biome.json')) ? folder : findRoot(dirname(folder));
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

const importPattern = /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:([^'";]*?)\s+from\s+)?['"]([^'"]+)['"]/g;

/** Every import and re-export of a file; `import { type A, type B }` counts as types only. */
function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const found = [...text.matchAll(importPattern)].map(([, , type, clause, target]) => ({
    target,
    typeOnly: type !== undefined || (clause !== undefined && namesAreTypes(clause)),
  }));
  const dynamic = [...text.matchAll(/\b(?:import|require)\(\s*['"]([^'"]+)['"]/g)].map(([, target]) => ({
    target,
    typeOnly: false,
  }));
  return [...found, ...dynamic];
}

function namesAreTypes(clause: string): boolean {
  const braces = /^\{([^}]*)\}$/.exec(clause.trim());
  return braces?.[1].split(',').every((name) => name.trim() === '' || name.trim().startsWith('type ')) ?? false;
}

const posix = (path: string) => path.split(sep).join('/');
const inside = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

/** Why an import is not allowed, or undefined. */
function violation(file: string, { target, typeOnly }: Import): string | undefined {
  const from = posix(relative(root, file)).replace(/\.tsx?$/, '');
  const rule = rules.find((candidate) => inside(from, candidate.from));
  if (rule === undefined) return `${from}: no rule covers this file`;
  if (!target.startsWith('.')) {
    const allowed = (rule.packages ?? []).some((name) =>
      name.endsWith(':') ? target.startsWith(name) : inside(target, name),
    );
    return allowed ? undefined : `${from} imports the package ${target}`;
  }
  const to = posix(relative(root, resolve(dirname(file), target)));

  const allowed = [rule.from, ...rule.may, ...(typeOnly ? (rule.type ?? []) : [])];
  return allowed.some((folder) => inside(to, folder)) ? undefined : `${from} imports ${to}`;
}

describe('layering', () => {
  it('every import is one that the table of docs/architecture.md allows', () => {
    const files = [...sources('src'), ...sources('webview-ui')];
    assert.ok(files.length > 30, 'the sources are found');
    const violations = files
      .flatMap((file) => importsOf(file).map((one) => violation(file, one)))
      .filter((v) => v !== undefined);
    assert.deepEqual(violations, []);
  });

  it('finds imports that are forbidden', () => {
    const file = join(root, 'src/engine/nn/linear.ts');
    const cases: readonly [Import, boolean][] = [
      [{ target: '../../core/shape', typeOnly: false }, true],
      [{ target: '../../formats/types', typeOnly: false }, false],
      [{ target: '../../formats/types', typeOnly: true }, false],
      [{ target: 'node:fs', typeOnly: false }, false],
      [{ target: 'vscode', typeOnly: true }, false],
    ];
    for (const [one, allowed] of cases) assert.equal(violation(file, one) === undefined, allowed, one.target);
  });

  it('only one file of the webview talks to VS Code', () => {
    const users = sources('webview-ui').filter((file) => readFileSync(file, 'utf8').includes('acquireVsCodeApi'));
    assert.deepEqual(
      users.map((file) => posix(relative(root, file))).filter((file) => !file.endsWith('.d.ts')),
      ['webview-ui/host.ts'],
    );
  });
});
