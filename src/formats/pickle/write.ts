/**
 * Writes pickles of protocol 2 with the memo rules of Python's pickler, so that equal content
 * gives equal bytes: globals, interned strings and shared objects are written once and fetched
 * again; every other string is written afresh, but still takes a memo index.
 */

export type Picklable =
  | null
  | boolean
  | number
  | bigint
  | string
  | Float
  | Interned
  | Global
  | Tuple
  | List
  | Dict
  | OrderedDict
  | Reduce
  | NewObject
  | Persistent;

/** A Python float; a plain number is an int. */
export class Float {
  constructor(readonly value: number) {}
}

/** A string that Python keeps once, such as an attribute name. */
export class Interned {
  constructor(readonly text: string) {}
}

export class Global {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

export class Tuple {
  constructor(readonly items: readonly Picklable[]) {}
}

export class List {
  constructor(readonly items: readonly Picklable[]) {}
}

export class Dict {
  constructor(readonly entries: readonly (readonly [Picklable, Picklable])[]) {}
}

/** collections.OrderedDict, with attributes set by BUILD. */
export class OrderedDict {
  constructor(
    readonly entries: readonly (readonly [Picklable, Picklable])[],
    readonly attributes?: Dict,
  ) {}
}

/** What is given to an object after it was made, in Python's order. */
export interface Additions {
  readonly items?: readonly Picklable[];
  readonly entries?: readonly (readonly [Picklable, Picklable])[];
  readonly state?: Picklable;
}

export class Reduce {
  constructor(
    readonly callee: Picklable,
    readonly args: Picklable,
    readonly additions: Additions = {},
  ) {}
}

/** `cls.__new__(cls, *args)` and BUILD with the state. */
export class NewObject {
  constructor(
    readonly cls: Picklable,
    readonly additions: Additions,
    readonly args: Picklable = new Tuple([]),
  ) {}
}

export class Persistent {
  constructor(readonly id: Tuple) {}
}

/** The one global of the class, which every OrderedDict of a pickle shares. */
export const orderedDict = new Global('collections', 'OrderedDict');
const batch = 1000;

/** The pickle of a value, as `pickle.dumps(value, protocol=2)` writes it. */
export function writePickle(root: Picklable): Uint8Array {
  const writer = new Writer();
  writer.save(root);
  return writer.finish();
}

class Writer {
  private bytes = new Uint8Array(1 << 12);
  private length = 0;
  private memoSize = 0;
  private readonly memo = new Map<object, number>();

  constructor() {
    this.raw(0x80, 2);
  }

  finish(): Uint8Array {
    this.op('.');
    return this.bytes.subarray(0, this.length);
  }

  save(value: Picklable): void {
    const known = typeof value === 'object' && value !== null ? this.memo.get(value) : undefined;
    if (value === null) this.op('N');
    else if (typeof value === 'boolean') this.raw(value ? 0x88 : 0x89);
    else if (typeof value === 'number' || typeof value === 'bigint') this.int(value);
    else if (typeof value === 'string') this.string(value, undefined);
    else if (value instanceof Float) this.float(value.value);
    else if (value instanceof Tuple && value.items.length === 0) this.op(')');
    else if (known !== undefined) this.indexed('h', 'j', known);
    else this.object(value);
  }

  private object(value: Exclude<Picklable, null | boolean | number | bigint | string | Float>): void {
    if (value instanceof Interned) this.string(value.text, value);
    else if (value instanceof Global) {
      this.op('c');
      this.text(`${value.module}\n${value.name}\n`);
      this.put(value);
    } else if (value instanceof Tuple) this.tuple(value);
    else if (value instanceof List) {
      this.op(']');
      this.put(value);
      this.batches(
        value.items.map((item) => [item]),
        'a',
        'e',
      );
    } else if (value instanceof Dict) {
      this.op('}');
      this.put(value);
      this.batches(value.entries, 's', 'u');
    } else if (value instanceof OrderedDict) {
      this.save(orderedDict);
      this.op(')');
      this.op('R');
      this.put(value);
      this.additions({ entries: value.entries, state: value.attributes });
    } else if (value instanceof Reduce) {
      this.save(value.callee);
      this.save(value.args);
      this.op('R');
      this.put(value);
      this.additions(value.additions);
    } else if (value instanceof NewObject) {
      this.save(value.cls);
      this.save(value.args);
      this.raw(0x81);
      this.put(value);
      this.additions(value.additions);
    } else {
      this.save(value.id);
      this.op('Q');
    }
  }

  private additions({ items = [], entries = [], state }: Additions): void {
    this.batches(
      items.map((item) => [item]),
      'a',
      'e',
    );
    this.batches(entries, 's', 'u');
    if (state === undefined) return;
    this.save(state);
    this.op('b');
  }

  private tuple(value: Tuple): void {
    const short = value.items.length <= 3;
    if (!short) this.op('(');
    for (const item of value.items) this.save(item);
    if (short) this.raw(0x84 + value.items.length);
    else this.op('t');
    this.put(value);
  }

  /** Items in batches of 1000; a batch of one needs no mark. */
  private batches(groups: readonly (readonly Picklable[])[], one: string, many: string): void {
    for (let i = 0; i < groups.length; i += batch) {
      const part = groups.slice(i, i + batch);
      if (part.length > 1) this.op('(');
      for (const group of part) for (const item of group) this.save(item);
      this.op(part.length > 1 ? many : one);
    }
  }

  private put(key: object | undefined): void {
    const index = this.memoSize++;
    if (key !== undefined) this.memo.set(key, index);
    this.indexed('q', 'r', index);
  }

  private indexed(short: string, long: string, index: number): void {
    if (index < 256) {
      this.op(short);
      this.raw(index);
    } else {
      this.op(long);
      this.littleEndian(index, 4);
    }
  }

  private string(text: string, key: object | undefined): void {
    const encoded = encoder.encode(text);
    this.op('X');
    this.littleEndian(encoded.length, 4);
    this.append(encoded);
    this.put(key);
  }

  private int(given: number | bigint): void {
    const value = typeof given === 'number' || !isSafe(given) ? given : Number(given);
    if (typeof value === 'bigint') this.long(value);
    else if (value >= 0 && value < 256) {
      this.op('K');
      this.raw(value);
    } else if (value >= 0 && value < 65_536) {
      this.op('M');
      this.littleEndian(value, 2);
    } else if (value >= -(2 ** 31) && value < 2 ** 31) {
      this.op('J');
      this.littleEndian(value >>> 0, 4);
    } else this.long(BigInt(value));
  }

  /** The fewest bytes of two's complement, up to the 255 that LONG1 can have. */
  private long(value: bigint): void {
    const magnitude = value < 0n ? -value - 1n : value;
    const length = (magnitude.toString(2).length >> 3) + 1;
    const bits = BigInt.asUintN(length * 8, value);
    this.raw(0x8a, length);
    for (let i = 0; i < length; i++) this.raw(Number((bits >> BigInt(8 * i)) & 0xffn));
  }

  private float(value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, false);
    this.op('G');
    this.append(bytes);
  }

  private op(character: string): void {
    this.raw(character.charCodeAt(0));
  }

  private text(text: string): void {
    this.append(encoder.encode(text));
  }

  private raw(...bytes: number[]): void {
    this.need(bytes.length);
    for (const byte of bytes) this.bytes[this.length++] = byte;
  }

  private littleEndian(value: number, length: number): void {
    this.need(length);
    for (let i = 0, rest = value; i < length; i++, rest = Math.floor(rest / 256))
      this.bytes[this.length++] = rest % 256;
  }

  private append(part: Uint8Array): void {
    this.need(part.length);
    this.bytes.set(part, this.length);
    this.length += part.length;
  }

  /** Makes room for so many bytes. */
  private need(more: number): void {
    while (this.length + more > this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
  }
}

const encoder = new TextEncoder();

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}
