import assert from 'node:assert/strict';
import { progressText } from '../../../src/cli/progressText';
import { everySoOften, TimeLeft } from '../../../src/core/progress';

describe('the time left', () => {
  const clock = () => {
    let at = 0;
    const left = new TimeLeft(() => at);
    return (ms: number, done: number, total: number) => {
      at = ms;
      return left.seconds(done, total);
    };
  };

  it('is that of the rest at the speed so far', () => {
    const at = clock();
    assert.deepEqual([at(0, 0, 100), at(2_000, 20, 100), at(5_000, 50, 100), at(9_900, 99, 100)], [null, 8, 5, 1]);
  });

  it('is not told before a second and two percent', () => {
    const at = clock();
    assert.deepEqual([at(0, 0, 1000), at(900, 100, 1000)], [null, null]);
    const slow = clock();
    assert.deepEqual([slow(0, 0, 1000), slow(60_000, 19, 1000), slow(60_000, 20, 1000)], [null, null, 2940]);
  });

  it('begins anew with another total, or with less done', () => {
    const at = clock();
    at(0, 0, 100);
    assert.equal(at(10_000, 50, 100), 10);
    assert.equal(at(11_000, 10, 100), null);
    assert.equal(at(13_000, 30, 100), 7);
    assert.equal(at(14_000, 30, 400), null);
    assert.equal(at(15_000, 30, 0), null);
  });

  it('counts what was done before it began for nothing', () => {
    const at = clock();
    assert.equal(at(0, 80, 100), null);
    assert.equal(at(2_000, 90, 100), 2);
  });
});

describe('reports of bytes', () => {
  it('are let through every so often, steps always', () => {
    let at = 0;
    const seen: string[] = [];
    const progress = everySoOften(
      (done, _total, what) => void seen.push(`${what} ${done}`),
      50,
      () => at,
    );
    for (at = 0; at < 200; at += 10) progress(at, 200, 'bytes', 'bytes');
    for (let i = 0; i < 3; i++) progress(i, 3, 'step');
    assert.deepEqual(seen, ['bytes 0', 'bytes 50', 'bytes 100', 'bytes 150', 'step 0', 'step 1', 'step 2']);
  });

  it('stand with share, size and time in one line', () => {
    assert.equal(progressText(1, 3, 'layers.4', undefined, null), '33 %  layers.4');
    assert.equal(progressText(7e8, 2.1e9, 'layers.4', 'bytes', 12), '33 % of 2.1 GB, 12 s left  layers.4');
    assert.equal(progressText(1, 10, 'w', 'bytes', 150), '10 % of 10 B, 3 min left  w');
    assert.equal(progressText(0, 0, 'w', undefined, null), 'w');
  });
});
