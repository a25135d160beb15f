import assert from 'node:assert/strict';
import { validArgs } from '../../../src/extension/inspector/validate';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';
import { spec } from '../../support/models';

const rows = (changes: object) => ({
  filter: '',
  toggled: [],
  base: 'default',
  start: 0,
  count: 10,
  spec: { ...spec(), ...changes },
});

describe("a webview's spec", () => {
  const accepted: Partial<QuantizeSpecDto>[] = [
    {},
    { engine: 'x86' },
    { dtype: 'float16', halfStorage: true },
    { dtype: 'quint8', modules: ['Embedding'] },
    { dtype: 'quint4x2' },
    { overrides: [{ target: 'encoder.*', qconfig: 'per_channel_dynamic' }] },
    { overrides: [{ target: 'fc', qconfig: null }] },
  ];
  for (const changes of accepted) {
    it(`accepts ${JSON.stringify(changes)}`, () => {
      assert.deepEqual(validArgs('rows', rows(changes)), rows(changes));
    });
  }

  const refused: object[] = [
    { engine: 'cuda' },
    { dtype: 'int8' },
    { halfStorage: 'yes' },
    { overrides: [{ target: 'fc', qconfig: 'default' }] },
    { overrides: [{ target: 'fc' }] },
    { another: 1 },
  ];
  for (const changes of refused) {
    it(`refuses ${JSON.stringify(changes)}`, () => {
      assert.throws(() => validArgs('rows', rows(changes)), { name: 'ValiError' });
    });
  }
});
