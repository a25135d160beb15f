import assert from 'node:assert/strict';
import { shownLines } from '../../../src/model/moduleRepr';

const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}`).join('\n');

describe('a long print(model)', () => {
  it('is whole up to the limit', () => {
    assert.deepEqual(shownLines(lines(4), 4), { text: lines(4), leftOut: 0 });
  });

  it('ends in a line that counts what is left out', () => {
    assert.deepEqual(shownLines(lines(5), 4), { text: `${lines(4)}\n… 1 more line`, leftOut: 1 });
    assert.deepEqual(shownLines(lines(9), 4), { text: `${lines(4)}\n… 5 more lines`, leftOut: 5 });
  });

  it('is shown up to 5,000 lines', () => {
    const { text, leftOut } = shownLines(lines(300_000));
    assert.equal(text.split('\n').length, 5_001);
    assert.equal(leftOut, 295_000);
  });
});
