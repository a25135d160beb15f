import assert from 'node:assert/strict';
import { chunksOf, joinChunks, readAhead } from '../../../src/core/byteChunks';

async function* pieces(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

const text = async (chunks: AsyncIterable<Uint8Array>) => Buffer.from(await joinChunks(chunks)).toString();

describe('byte chunks', () => {
  it('are the same from a promise and from a stream', async () => {
    assert.equal(await text(chunksOf(Promise.resolve(Buffer.from('ab')))), 'ab');
    assert.equal(await text(chunksOf(pieces('a', '', 'b'))), 'ab');
  });

  it('readAhead gives every piece in order', async () => {
    assert.equal(await text(readAhead(pieces('a', 'b', 'c'))), 'abc');
    assert.equal(await text(readAhead(pieces())), '');
  });

  it('readAhead makes the next piece while one is used', async () => {
    const made: string[] = [];
    async function* noting(): AsyncGenerator<Uint8Array> {
      for (const part of ['a', 'b', 'c']) {
        made.push(part);
        yield Buffer.from(part);
      }
    }
    for await (const piece of readAhead(noting())) {
      await new Promise((resolve) => setImmediate(resolve));
      if (Buffer.from(piece).toString() === 'a') assert.deepEqual(made, ['a', 'b']);
    }
  });

  it('readAhead passes on a failure, after the pieces before it, and ends its source when nobody listens on', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      throw new Error('gone');
    }
    const seen: string[] = [];
    await assert.rejects(async () => {
      for await (const piece of readAhead(failing())) seen.push(Buffer.from(piece).toString());
    }, /gone/);
    assert.deepEqual(seen, ['a']);
    let ended = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.from('x');
      } finally {
        ended = true;
      }
    }
    for await (const _ of readAhead(endless())) break;
    assert.equal(ended, true);
  });
});
