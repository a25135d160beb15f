import assert from 'node:assert/strict';
import { checkSiblingName } from '../../../src/core/siblingName';
import { evilSiblingNames } from '../../support/siblingNames';

describe('names that a model gives to its other files', () => {
  const sound = [
    'model-00001-of-00002.safetensors',
    'weights/layer 0.bin',
    '모델.safetensors',
    '.hidden',
    'a..b',
    'console.bin',
    'com10',
    '100%.bin',
    'x'.repeat(255),
  ];
  for (const name of sound) it(`accepts ${name.slice(0, 40)}`, () => checkSiblingName(name));

  for (const name of evilSiblingNames) {
    it(`refuses ${JSON.stringify(name.slice(0, 40))}`, () => {
      assert.throws(() => checkSiblingName(name), { code: 'E_SIBLING_PATH' });
    });
  }
});
