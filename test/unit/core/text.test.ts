import assert from 'node:assert/strict';
import { formatBytes } from '../../../src/core/text';

describe('formatBytes', () => {
  const table: readonly [bytes: number, text: string][] = [
    [0, '0 B'],
    [932, '932 B'],
    [999, '999 B'],
    [1000, '1.0 KB'],
    [3747, '3.7 KB'],
    [999_949, '999.9 KB'],
    [999_950, '1.0 MB'],
    [4_900_000_000, '4.9 GB'],
    [1e12, '1.0 TB'],
    [5e15, '5000.0 TB'],
  ];
  for (const [bytes, text] of table) {
    it(`${bytes} is ${text}`, () => {
      assert.equal(formatBytes(bytes), text);
    });
  }
});
