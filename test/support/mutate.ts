import { concat } from './zipBuilder';

/** xorshift32: numbers below a limit, the same ones for the same seed. */
export class Random {
  private state: number;

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring numbers, and zero would stay zero.
    this.state = Math.imul(seed ^ (seed >>> 16), 0x45d9f3b) ^ 0x9e3779b9 || 1;
  }

  below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}

export type Mutant = (random: Random) => Uint8Array;

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
    const value = random.pick(boundaries);
    const at = random.below(bytes.length);
    const width = random.pick([1, 2, 4, 8]);
    const high = random.below(2) * 255;
    for (let i = 0; i < width && at + i < bytes.length; i++) bytes[at + i] = i < 4 ? value >>> (8 * i) : high;
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

/** One to four changes anywhere in the bytes. */
export function mutate(sound: Uint8Array, random: Random): Uint8Array {
  let bytes: Uint8Array = sound.slice();
  const times = 1 + random.below(4);
  for (let i = 0; i < times && bytes.length > 0; i++) bytes = random.pick(operators)(bytes, random);
  return bytes;
}

/** The whole file; where it is damaged, the outer container mostly finds it. */
export function wholeFile(sound: Uint8Array): Mutant {
  return (random) => mutate(sound, random);
}

/** Changes between two offsets; what lies around them stays. */
export function region(sound: Uint8Array, start: number, end: number): Mutant {
  return (random) => concat(sound.subarray(0, start), mutate(sound.subarray(start, end), random), sound.subarray(end));
}

const hostileNumbers = [
  '0',
  '1',
  '-1',
  '1e3',
  '1.5',
  '01',
  '4294967296',
  '9007199254740993',
  '18446744073709551615',
  '18446744073709551616',
  '340282366920938463463374607431768211456',
];
const token = /"(?:[^"\\]|\\.)*"|-?[\d.eE+]+|\w+|[^\s]/g;

/** Changes of whole tokens of a text such as JSON or a Python literal, which bytes rarely hit. */
export function mutateTokens(text: string, random: Random): string {
  const tokens = text.match(token) ?? [];
  const times = 1 + random.below(3);
  for (let i = 0; i < times && tokens.length > 0; i++) {
    const at = random.below(tokens.length);
    const other = random.pick(tokens);
    const number = random.pick(hostileNumbers);
    const change = random.below(5);
    if (change === 0) tokens[at] = number;
    else if (change === 1) tokens[at] = other;
    else if (change === 2) tokens.splice(at, 1 + random.below(3));
    else if (change === 3) tokens.splice(at, 0, ...tokens.slice(at, at + 1 + random.below(8)));
    else {
      // The next number after here: sizes and offsets are where it hurts.
      const next = tokens.findIndex((each, index) => index >= at && /^\d/.test(each));
      if (next >= 0) tokens[next] = number;
    }
  }
  return tokens.join('');
}
