import assert from 'node:assert/strict';
import { neverAborted, sharedAbort } from '../../../src/core/abort';
import { aborted, formatError, invalid, malformed, toErrorDetails, unsupported } from '../../../src/core/errors';

describe('errors', () => {
  it('one line says where, what, what was found, and what to do', () => {
    const { details } = malformed('E_ZIP_TRUNCATED', 'The archive ends early.', {
      where: { file: 'a.pt', entry: 'archive/data.pkl', tensor: 'fc.weight', offset: 12, field: 'size' },
      found: '10 bytes',
      expected: '20 bytes',
      hint: 'Copy the file again.',
    });
    assert.equal(
      formatError(details),
      'a.pt, archive/data.pkl, fc.weight, byte 12, size: The archive ends early. (expected 20 bytes, found 10 bytes) Copy the file again. [E_ZIP_TRUNCATED]',
    );
  });

  it('a place, a comparison and a hint that are not there leave no gap', () => {
    assert.equal(formatError(invalid('E_SHAPE', 'No.').details), 'No. [E_SHAPE]');
  });

  it('offset 0 is a place', () => {
    assert.match(formatError(malformed('E_X', 'Bad.', { where: { offset: 0 } }).details), /^byte 0: Bad\./);
  });

  it('each constructor has its kind', () => {
    assert.deepEqual(
      [malformed('E_A', 'x'), unsupported('E_B', 'x'), invalid('E_C', 'x'), aborted()].map(
        ({ details }) => details.kind,
      ),
      ['malformed', 'unsupported', 'invalid', 'aborted'],
    );
  });

  it('toErrorDetails fills in the file where it is missing and keeps it where it is there', () => {
    assert.equal(toErrorDetails(invalid('E_A', 'x'), 'a.pt').where?.file, 'a.pt');
    const known = invalid('E_A', 'x', { where: { file: 'b.pt', tensor: 't' } });
    assert.deepEqual(toErrorDetails(known, 'a.pt').where, { file: 'b.pt', tensor: 't' });
  });

  for (const thrown of [new TypeError('oops'), 'oops']) {
    it(`${typeof thrown} that is not ours becomes an internal error`, () => {
      const details = toErrorDetails(thrown, 'a.pt');
      assert.deepEqual([details.code, details.kind, details.where], ['E_INTERNAL', 'internal', { file: 'a.pt' }]);
      assert.match(details.message, /oops/);
      assert.match(details.hint ?? '', /report/);
    });
  }
});

describe('aborts', () => {
  it('a flag in shared memory aborts once it is set', () => {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const abort = sharedAbort(flag);
    abort.throwIfAborted();
    Atomics.store(flag, 0, 1);
    assert.throws(() => abort.throwIfAborted(), { code: 'E_ABORTED' });
  });

  it('neverAborted never throws', () => {
    assert.doesNotThrow(() => neverAborted.throwIfAborted());
  });
});
