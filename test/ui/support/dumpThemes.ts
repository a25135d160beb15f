import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Workbench } from '../../host/drive/workbench';

/**
 * Reads the theme variables that a real VS Code gives to a webview and writes them to
 * test/ui/themes.json: `node out/test/ui/support/dumpThemes.js ROOT MODEL`. Only needed when VS Code's themes change.
 */
const labels = {
  dark: 'Dark Modern',
  light: 'Light Modern',
  'high-contrast': 'Dark High Contrast',
  'high-contrast-light': 'Light High Contrast',
} as const;

const wanted =
  /^--vscode-(foreground|focusBorder|contrast|icon|charts|editor-(background|foreground|font)|editorWarning|editorError|editorHover|editorWidget|font-|button|input|dropdown|list|menu|panel|checkbox|textLink|toolbar|badge|progressBar|diffEditor|descriptionForeground|errorForeground|widget|sash|scrollbar|settings|sideBar|quickInput|testing|keybinding|disabled|selection|textCode|textPre)/;

async function main(): Promise<void> {
  const [root, model] = process.argv.slice(2);
  const workbench = await Workbench.open({ files: { 'model.pt': model } });
  const themes: Record<string, unknown> = {};
  try {
    await workbench.openFile('model.pt');
    await workbench.webview().getByTestId('file-name').waitFor({ timeout: 60_000 });
    for (const [name, label] of Object.entries(labels)) {
      await workbench.runCommand('Preferences: Color Theme');
      const input = workbench.page.locator('.quick-input-widget input');
      await workbench.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
      await input.fill(label);
      await workbench.page.waitForTimeout(500);
      await workbench.page.keyboard.press('Enter');
      await workbench.page.waitForTimeout(2500);
      themes[name] = await workbench
        .webview()
        .locator('body')
        .evaluate((body) => ({
          class: body.className,
          kind: body.dataset.vscodeThemeKind,
          variables: document.documentElement.getAttribute('style'),
        }));
    }
  } finally {
    await workbench.close();
  }
  const lean = Object.fromEntries(
    Object.entries(themes as Record<string, { class: string; kind: string; variables: string }>).map(
      ([name, { variables, ...rest }]) => [
        name,
        {
          ...rest,
          variables: Object.fromEntries(
            variables
              .split(';')
              .map((line) => line.split(/:(.*)/s).map((part) => part?.trim()))
              .filter(([key]) => wanted.test(key ?? '')),
          ),
        },
      ],
    ),
  );
  await writeFile(join(root, 'test', 'ui', 'themes.json'), `${JSON.stringify(lean, null, 2)}\n`);
}

void main();
