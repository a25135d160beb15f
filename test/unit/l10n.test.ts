import assert from 'node:assert/strict';
import { join } from 'node:path';
import { root } from '../support/root';

interface Texts {
  shownTexts(): Map<string, string>;
  looseTexts(allowed: ReadonlySet<string>): string[];
  bundle(language: string): Record<string, string>;
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

  it('do not go around the translation in the markup of the webview', () => {
    assert.deepEqual(texts.looseTexts(untranslated), []);
  });
});
