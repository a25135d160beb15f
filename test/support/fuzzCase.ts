import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import type { ByteSource } from '../../src/core/byteSource';
import { byteLength } from '../../src/core/dtype';
import { QuantscopeError } from '../../src/core/errors';
import { numel } from '../../src/core/shape';
import { openFile } from '../../src/formats/registry';
import type { ModelFile } from '../../src/formats/types';
import type { FuzzTarget } from './fuzzTargets';
import { type Mutant, Random } from './mutate';

/** No case of a few kilobytes may take longer. */
const maxMs = 2_000;

/** Tensors that stand for more bytes than this are not read: a stride of 0 makes them of nothing. */
const maxTensorBytes = 16 * 1024 * 1024;

/** What the cases of a target may read in all of one file, in multiples of its size. */
const maxReadFactor = 64;

/**
 * One mutant, opened and read. Returns the codes of what was refused, and throws when anything
 * but an answer or a refusal of the one kind happens, or when it takes too long or too much.
 */
export async function fuzzCase(target: FuzzTarget, mutant: Mutant, seed: number): Promise<string[]> {
  const bytes = mutant(new Random(seed));
  let read = 0;
  const source = watched(target.source(bytes), (length) => {
    read += length;
  });
  const started = performance.now();
  const cpu = process.cpuUsage();
  const before = process.memoryUsage().arrayBuffers;
  const codes = await exercised(source, bytes.length);
  const { user, system } = process.cpuUsage(cpu);
  // A machine that is busy with other things is no reason to blame the file.
  const took = Math.min(performance.now() - started, (user + system) / 1_000);
  assert.ok(took < maxMs, `it took ${took.toFixed(0)} ms`);
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 256 * 1024 * 1024, `it allocated ${grown} bytes`);
  // The tail of an archive is read for every look at it, however small the file is.
  assert.ok(read <= maxReadFactor * (bytes.length + 4_096), `it read ${read} of ${bytes.length} bytes`);
  return codes;
}

function watched(source: ByteSource, count: (length: number) => void): ByteSource {
  return {
    ...source,
    async read(offset, length) {
      assert.ok(offset >= 0 && length >= 0 && offset + length <= source.size, `read ${length} at ${offset}`);
      count(length);
      return source.read(offset, length);
    },
  };
}

async function exercised(source: ByteSource, size: number): Promise<string[]> {
  let file: ModelFile;
  try {
    file = await openFile(source, neverAborted);
  } catch (error) {
    return [refusal(error, size)];
  }
  const codes = file.warnings.map(({ code }) => code);
  for (const { tensor } of file.tensors.slice(0, 100)) {
    const count = numel(tensor.shape);
    assert.ok(Number.isSafeInteger(count) && count >= 0, `a shape of ${tensor.shape}`);
    if (byteLength(tensor.dtype, count) > maxTensorBytes) continue;
    try {
      const bytes = await file.readTensor(tensor, neverAborted);
      assert.equal(bytes.length, byteLength(tensor.dtype, count), 'a tensor has the bytes of its shape');
    } catch (error) {
      codes.push(refusal(error, size));
    }
  }
  return codes;
}

/** Every refusal has the one type, a code, a sentence and a place that can be. */
function refusal(error: unknown, size: number): string {
  if (!(error instanceof QuantscopeError)) throw error;
  const { code, message, where } = error.details;
  assert.match(code, /^E_[A-Z0-9_]+$/);
  assert.ok(message.length > 10 && message.length < 1_000, message);
  assert.notEqual(error.details.kind, 'internal');
  const { offset } = where ?? {};
  if (offset !== undefined) {
    assert.ok(Number.isSafeInteger(offset) && offset >= 0, `${code} at ${offset}`);
    // Offsets in an entry count from its start, and a compressed one is longer than the file.
    if (where?.entry === undefined) assert.ok(offset <= size, `${code} at ${offset} of ${size} bytes`);
  }
  return code;
}
