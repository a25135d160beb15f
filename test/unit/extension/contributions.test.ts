import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commandIds, settingIds, viewIds, viewTypes } from '../../../src/extension/contributions';

function findRoot(folder: string): string {
  return existsSync(join(folder, 'biome.json')) ? folder : findRoot(dirname(folder));
}

const root = findRoot(__dirname);
const readJson = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'));
const manifest = readJson('package.json');
const { contributes } = manifest;

const sorted = (values: Iterable<string>) => [...values].sort();

describe('package.json', () => {
  const pairs: readonly [string, string[], string[]][] = [
    ['commands', contributes.commands.map((c: { command: string }) => c.command), Object.values(commandIds)],
    [
      'custom editors',
      contributes.customEditors.map((e: { viewType: string }) => e.viewType),
      Object.values(viewTypes),
    ],
    ['views', contributes.views.quantscope.map((v: { id: string }) => v.id), Object.values(viewIds)],
    ['settings', Object.keys(contributes.configuration.properties), Object.values(settingIds)],
  ];
  for (const [what, declared, coded] of pairs) {
    it(`declares exactly the ${what} that the code knows`, () => {
      assert.deepEqual(sorted(declared), sorted(coded));
    });
  }

  it('uses no command in a menu or key that it does not declare', () => {
    const known = new Set<string>(Object.values(commandIds));
    const used = [...Object.values<{ command: string }[]>(contributes.menus).flat(), ...contributes.keybindings];
    assert.deepEqual(
      used.filter(({ command }: { command: string }) => !known.has(command)),
      [],
    );
  });

  const opened = [
    '.pt',
    '.pth',
    '.pt2',
    '.ptl',
    '.ckpt',
    '.safetensors',
    '.onnx',
    '.gguf',
    '.npy',
    '.npz',
    '.safetensors.index.json',
  ];
  const offered = ['.bin', '.pkl'];

  it('opens model files by default, and offers itself for suffixes that others use too', () => {
    const selectors = contributes.customEditors.map(
      (editor: { priority: string; selector: { filenamePattern: string }[] }) => [
        editor.priority,
        sorted(editor.selector.map(({ filenamePattern }) => filenamePattern)),
      ],
    );
    assert.deepEqual(selectors, [
      ['default', sorted(opened.map((suffix) => `*${suffix}`))],
      ['option', sorted(offered.map((suffix) => `*${suffix}`))],
    ]);
  });

  it('names the same files in the Explorer and the palette, by one pattern that is anchored', () => {
    const { 'explorer/context': explorer, commandPalette } = contributes.menus as Record<string, { when: string }[]>;
    const conditions = [...explorer, ...commandPalette].map(({ when }) => when).filter((when) => /resource/.test(when));
    const patterns = new Set(conditions.map((when) => /resourceFilename =~ \/(.*\$)\/i/.exec(when)?.[1] ?? when));
    const [pattern] = patterns;
    assert.ok(explorer.every(({ when }) => conditions.includes(when)));
    assert.equal(patterns.size, 1);
    const named = new RegExp(pattern, 'i');
    for (const suffix of [...opened, ...offered, '.PT']) assert.ok(named.test(`model${suffix}`), suffix);
    for (const name of ['model.ptx', 'pt', 'config.json', 'index.json', 'a.pt.txt']) assert.ok(!named.test(name), name);
  });

  it('F-13: works in an untrusted workspace, since nothing of a file runs', () => {
    const { untrustedWorkspaces } = manifest.capabilities;
    assert.equal(untrustedWorkspaces.supported, true);
    // No command waits for trust.
    assert.doesNotMatch(JSON.stringify(contributes), /isWorkspaceTrusted/);
  });

  it('gives every setting a default, a description and an order', () => {
    const settings = Object.values<Record<string, unknown>>(contributes.configuration.properties);
    assert.ok(settings.length <= 20);
    for (const setting of settings)
      for (const key of ['default', 'markdownDescription', 'order']) assert.ok(key in setting, key);
  });
});

describe('translations', () => {
  const placeholders = [...JSON.stringify(manifest).matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key);

  it('has every text of package.json in English and Korean, and no other', () => {
    const english = Object.keys(readJson('package.nls.json'));
    assert.deepEqual(sorted(english), sorted(new Set(placeholders)));
    assert.deepEqual(sorted(Object.keys(readJson('package.nls.ko.json'))), sorted(english));
  });
});
