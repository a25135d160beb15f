import assert from 'node:assert/strict';
import { readFixture } from '../support/fixtures';
import { exercise } from '../support/hostile';
import { buildZip, concat, type EntrySpec, unzipStored } from '../support/zipBuilder';

/** Set QUANTSCOPE_FUZZ_SEED and QUANTSCOPE_FUZZ_CASES to look further than the suite does. */
const seed = Number(process.env.QUANTSCOPE_FUZZ_SEED ?? 29592);
const casesPerTarget = Number(process.env.QUANTSCOPE_FUZZ_CASES ?? 1250);

/** xorshift32: numbers below a limit, the same ones for the same seed. */
class Random {
  constructor(private state: number) {}

  below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % limit;
  }
}

const boundaries = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

type Operator = (bytes: Uint8Array, random: Random) => Uint8Array;

/** What happens to files on their way, and what an attacker does to them. */
const operators: readonly Operator[] = [
  function flipBit(bytes, random) {
    bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length));
  },
  function insert(bytes, random) {
    const at = random.below(bytes.length);
    const part = Uint8Array.from({ length: 1 + random.below(8) }, () => random.below(256));
    return concat(bytes.subarray(0, at), part, bytes.subarray(at));
  },
  function remove(bytes, random) {
    const at = random.below(bytes.length);
    return concat(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8)));
  },
  function setBoundary(bytes, random) {
    const value = boundaries[random.below(boundaries.length)];
    const at = random.below(bytes.length);
    const width = [1, 2, 4, 8][random.below(4)];
    for (let i = 0; i < width && at + i < bytes.length; i++) bytes[at + i] = i < 4 ? value >>> (8 * i) : 0;
    return bytes;
  },
  function splice(bytes, random) {
    const from = random.below(bytes.length);
    const part = bytes.slice(from, from + 1 + random.below(40));
    bytes.set(part, random.below(Math.max(1, bytes.length - part.length)));
    return bytes;
  },
  function repeat(bytes, random) {
    const at = random.below(bytes.length);
    const part = bytes.subarray(at, at + 1 + random.below(40));
    return concat(bytes.subarray(0, at), part, bytes.subarray(at));
  },
];

function mutate(sound: Uint8Array, random: Random): Uint8Array {
  let bytes: Uint8Array = sound.slice();
  const times = 1 + random.below(4);
  for (let i = 0; i < times && bytes.length > 0; i++) bytes = operators[random.below(operators.length)](bytes, random);
  return bytes;
}

type Mutant = (random: Random) => Uint8Array;

/** The whole file; where it is damaged, the archive's reader mostly finds it. */
function wholeFile(sound: Uint8Array): Mutant {
  return (random) => mutate(sound, random);
}

/** The pickle alone, in an archive that is sound again: what CRC checks cannot find. */
function pickleOnly(sound: Uint8Array): Mutant {
  const entries = unzipStored(sound);
  return (random) =>
    buildZip(
      entries.map(
        (entry): EntrySpec =>
          entry.name.endsWith('data.pkl') ? { ...entry, data: mutate(entry.data, random) } : entry,
      ),
    );
}

describe('mutated files end in an answer or a refusal, and nothing else', () => {
  const targets: readonly [fixture: string, part: string, mutants: (sound: Uint8Array) => Mutant][] = [
    ['recipe_lstm.pt', 'whole file', wholeFile],
    ['recipe_lstm.pt', 'data.pkl', pickleOnly],
    ['mlp.pt', 'whole file', wholeFile],
    ['mlp.pt', 'data.pkl', pickleOnly],
    ['mlp.qnnpack.quantized.pt', 'data.pkl', pickleOnly],
    ['mlp.onednn.quantized_module.pt', 'data.pkl', pickleOnly],
    ['recipe_lstm.script.pt', 'whole file', wholeFile],
    ['mlp.legacy.pth', 'whole file', wholeFile],
  ];
  for (const [fixture, part, mutants] of targets) {
    it(`${casesPerTarget} mutants of ${fixture}, ${part}`, async function () {
      this.timeout(casesPerTarget * 20);
      const mutant = mutants(await readFixture('torch-2.13', fixture));
      const outcomes = new Set<string>();
      for (let i = 0; i < casesPerTarget; i++) {
        const bytes = mutant(new Random(seed + i * 7919));
        try {
          for (const code of await exercise(bytes)) outcomes.add(code);
        } catch (error) {
          assert.fail(
            `seed ${seed}, case ${i} of ${fixture} (${part}): ${error instanceof Error ? error.stack : error}`,
          );
        }
      }
      assert.ok(outcomes.size > 5, 'the mutants should reach many different checks');
    });
  }
});
