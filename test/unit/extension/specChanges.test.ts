import assert from 'node:assert/strict';
import { leaving, sameMeasure, withOverrides, withTicks } from '../../../src/extension/inspector/specChanges';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';

const base: QuantizeSpecDto = { engine: 'fbgemm', dtype: 'qint8', perChannel: false, modules: null, exclude: [] };
const halfLinear: QuantizeSpecDto = { ...base, overrides: [{ target: 'Linear', qconfig: 'float16_dynamic' }] };
const paths = new Set(['a', 'b']);

describe('ticks in a spec', () => {
  it('unticking excludes, ticking takes that back', () => {
    const off = withTicks(base, paths, false);
    assert.deepEqual(off.exclude, ['a', 'b']);
    assert.deepEqual(withTicks(off, new Set(['a']), true).exclude, ['b']);
  });

  it('a tick wins over a choice by type, because the last override decides', () => {
    const off = withTicks(halfLinear, paths, false);
    assert.deepEqual(off.overrides?.slice(1), [
      { target: 'a', qconfig: null },
      { target: 'b', qconfig: null },
    ]);
    assert.deepEqual(withTicks(off, paths, true), { ...halfLinear, exclude: [] });
  });

  it('leaves a type that was set to float32 alone', () => {
    const without: QuantizeSpecDto = { ...base, overrides: [{ target: 'LSTM', qconfig: null }] };
    assert.deepEqual(leaving(leaving(without, ['a']), []).overrides, [{ target: 'LSTM', qconfig: null }]);
  });

  it('a choice for one module comes after the others, in place of its own, and before the ticks', () => {
    const spec = leaving(
      {
        ...base,
        overrides: [
          { target: 'Linear', qconfig: null },
          { target: 'a', qconfig: null },
        ],
      },
      ['b'],
    );
    const chosen = withOverrides(spec, [{ target: 'a', qconfig: 'default_dynamic' }]);
    assert.deepEqual(chosen.overrides, [
      { target: 'Linear', qconfig: null },
      { target: 'a', qconfig: 'default_dynamic' },
      { target: 'b', qconfig: null },
    ]);
    assert.deepEqual(chosen.exclude, ['b']);
    assert.equal(withOverrides(spec, []), spec);
  });

  it('ticks do not change what each layer alone was measured with; a choice by type does', () => {
    assert.ok(sameMeasure(halfLinear, withTicks(halfLinear, paths, false)));
    assert.ok(!sameMeasure(base, halfLinear));
    assert.ok(!sameMeasure(base, { ...base, dtype: 'float16' }));
    assert.ok(!sameMeasure(null, base));
  });
});
