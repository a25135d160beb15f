import assert from 'node:assert/strict';
import { formatPercent, formatTemplate, formatValue } from '../../../../src/engine/forward/values/text';
import { PyFloat, PyTuple, type Value } from '../../../../src/engine/forward/values/values';
import { moduleWith, runSource } from '../../../support/sources';

/** `format(float, spec)`, asked of Python 3.12. */
const floats: readonly (readonly [value: number, spec: string, text: string])[] = [
  [1.25, '.1f', '1.2'],
  [-1.25, '.1f', '-1.2'],
  [1.35, '.1f', '1.4'],
  [2.675, '.2f', '2.67'],
  [1.005, '.2f', '1.00'],
  [0.125, '.2f', '0.12'],
  [0.375, '.2f', '0.38'],
  [0.5, '.0f', '0'],
  [1.5, '.0f', '2'],
  [2.5, '.0f', '2'],
  [-0.5, '.0f', '-0'],
  [-0, '.1f', '-0.0'],
  [9.96, '.1f', '10.0'],
  [1e22, '.1f', '10000000000000000000000.0'],
  [-1e23, 'f', '-99999999999999991611392.000000'],
  [5e-324, '.2f', '0.00'],
  [0.1, '.20f', '0.10000000000000000555'],
  [1.25, '.1e', '1.2e+00'],
  [2.5, '.0e', '2e+00'],
  [9.96, '.1e', '1.0e+01'],
  [1e23, '.20e', '9.99999999999999916114e+22'],
  [5e-324, '.3e', '4.941e-324'],
  [0, 'e', '0.000000e+00'],
  [-1.5, 'E', '-1.500000E+00'],
  [1.25, '.2g', '1.2'],
  [0.0001, 'g', '0.0001'],
  [0.00001, 'g', '1e-05'],
  [123456, 'g', '123456'],
  [999999.5, 'g', '1e+06'],
  [1000000, 'g', '1e+06'],
  [100, '.0g', '1e+02'],
  [0.00001, 'G', '1E-05'],
  [1, '.3', '1.0'],
  [123, '.3', '1.23e+02'],
  [99.95, '.3', '1e+02'],
  [1234567, '.3', '1.23e+06'],
  [0.125, '.1%', '12.5%'],
  [0.0125, '.1%', '1.2%'],
  [Number.NaN, '.2f', 'nan'],
  [Number.POSITIVE_INFINITY, '+.2f', '+inf'],
  [Number.NEGATIVE_INFINITY, 'F', '-INF'],
  [-1.25, '08.1f', '-00001.2'],
  [1.25, '+08.1f', '+00001.2'],
  [1.25, ' .1f', ' 1.2'],
  [1.25, '=+8.1f', '+    1.2'],
  [1.25, '*^8.1f', '**1.2***'],
  [1.25, '<08.1f', '1.200000'],
  [1234567.125, ',.2f', '1,234,567.12'],
  [0.0001, '', '0.0001'],
  [0.00001, '', '1e-05'],
  [1e15, '', '1000000000000000.0'],
  [1e16, '', '1e+16'],
  [1.5e20, '>12', '     1.5e+20'],
];

const others: readonly (readonly [value: Value, spec: string, text: string])[] = [
  [true, '5', '    1'],
  [true, '.1f', '1.0'],
  [-3, '05d', '-0003'],
  [255, 'X', 'FF'],
  ['ab', '05', 'ab000'],
  ['ab', '>5', '   ab'],
  ['abc', '.2', 'ab'],
];

/** What `%` spells the same. */
const percentSpec = /^[+ ]?0?\d*(\.\d+)?[efgEFG]$/;

describe('numbers as text are what Python writes', () => {
  for (const [value, spec, text] of floats) {
    it(`format(${Object.is(value, -0) ? '-0' : value}, '${spec}')`, () => {
      const number = new PyFloat(value);
      assert.equal(formatValue(number, spec), text);
      assert.equal(formatTemplate(`{:${spec}}`, [number], new Map()), text);
      if (percentSpec.test(spec)) assert.equal(formatPercent(`%${spec}`, number), text);
    });
  }
  for (const [value, spec, text] of others)
    it(`format(${JSON.stringify(value)}, '${spec}')`, () => assert.equal(formatValue(value, spec), text));

  it('in the three spellings of a program, tensors of one value too', () => {
    const code = [
      'a = "%05.1f|%5s|%05s|% d|%+.0f|%s|%.2s|%x" % (-1.25, "ab", "cd", 3, 2.5, False, "xyz", 255)',
      'b = "{:.1f}|{:.0f}|{n:.2e}".format(1.25, 2.5, n=1.125)',
      't = torch.tensor(1.25)',
      'return a, b, f"{t}|{t:.1f}|{torch.tensor(3):d}|{torch.tensor(True)}"',
    ].join('\n');
    const { result } = runSource(moduleWith(code));
    assert.ok(result instanceof PyTuple);
    assert.deepEqual(result.items, ['-01.2|   ab|   cd| 3|+2|False|xy|ff', '1.2|2|1.12e+00', '1.25|1.2|3|True']);
  });
});
