import assert from 'node:assert/strict';
import { join } from 'node:path';
import { codeKeys, codeText } from '../../src/protocol/codeKeys';
import { root } from '../support/root';

interface Texts {
  shownTexts(): Map<string, string>;
  looseTexts(allowed: ReadonlySet<string>): string[];
  bundle(language: string): Record<string, string>;
  engineCodes(): string[];
  usedCodes(): string[];
}

/** Words of the field and of PyTorch that stay as they are in every language. */
const untranslated = new Set([
  'print(model)',
  'float32',
  'int8',
  'SQNR',
  'dB',
  'p95',
  'percent',
  'or',
  'Ctrl+F',
  'Esc',
  'int8 × scale',
  '(root)',
]);

const placeholders = (text: string) => [...text.matchAll(/\{\d\}/g)].map(([found]) => found).sort();

describe('texts of the interface', () => {
  let texts: Texts;
  before(async () => {
    texts = (await import(join(root, 'scripts', 'l10n.mjs'))) as Texts;
  });

  for (const language of ['en', 'ko']) {
    it(`are all in the bundle for ${language}, and nothing else is`, () => {
      assert.deepEqual(Object.keys(texts.bundle(language)).sort(), [...texts.shownTexts().keys()].sort());
    });
  }

  it('keep their placeholders in Korean', () => {
    for (const [english, korean] of Object.entries(texts.bundle('ko')))
      assert.deepEqual(placeholders(korean), placeholders(english), english);
  });

  it('have no Korean particle right after a placeholder, which could not know its form', () => {
    const particle = /\{\d\}(은|는|이|가|을|를|과|와|의|에|에서|로|으로|도|만|나|이나|라|이라|부터|까지)(?=[\s,.:)]|$)/;
    const wrong = Object.values(texts.bundle('ko')).filter((korean) => particle.test(korean));
    assert.deepEqual(wrong, []);
  });

  it('have a sentence for every code of an error or a warning, its own or that of its family', () => {
    const keys = new Set(texts.engineCodes());
    assert.ok(texts.usedCodes().length > 200);
    assert.deepEqual(
      texts.usedCodes().filter((code) => !codeKeys(code).some((key) => keys.has(key))),
      [],
    );
  });

  it('say a code by its own sentence, else by that of its family, else not at all', () => {
    const korean = texts.bundle('ko');
    const translate = (key: string) => korean[key] ?? key;
    assert.equal(codeText('E_ZIP_CRC', translate), korean.E_ZIP_CRC);
    assert.equal(codeText('E_ZIP_DUP_NAME', translate), korean.E_ZIP_DUP);
    assert.equal(codeText('E_ZIP_GAP', translate), korean.E_ZIP);
    assert.equal(
      codeText('E_ZIP_GAP', (key) => key),
      undefined,
    );
  });

  it('do not go around the translation in the markup of the webview', () => {
    assert.deepEqual(texts.looseTexts(untranslated), []);
  });
});
