import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { combineCrc32, updateSharedCrc32 } from '../../../../src/formats/zip/crc';
import { seededRandom } from '../../../support/random';

describe('CRC-32 of pieces', () => {
  const lengths = [0, 1, 2, 3, 4095, 4096, 4097, 65_537, 2_097_152];
  const bytes = (length: number) => {
    const random = seededRandom(length + 1);
    return Uint8Array.from({ length }, () => random() * 256);
  };

  it('combines to that of both behind each other', () => {
    for (const a of [0, 1, 5000].map(bytes)) {
      for (const b of lengths.map(bytes)) {
        const whole = crc32(Buffer.concat([a, b]));
        assert.equal(combineCrc32(crc32(a), crc32(b), b.length), whole, `${a.length} and ${b.length} bytes`);
      }
    }
  });

  it('is carried on over pieces that two sums share', () => {
    const pieces = lengths.map(bytes);
    const whole = crc32(Buffer.concat(pieces));
    for (const start of [0, crc32('before')]) {
      const sum = pieces.reduce(updateSharedCrc32, start);
      assert.equal(sum, start === 0 ? whole : crc32(Buffer.concat(pieces), start));
    }
  });
});
