import { unsupported } from '../../core/errors';
import { Cursor } from './cursor';
import { maxMemo, maxOpcodes, maxStack } from './limits';
import { opcodeNames } from './opcodes';
import { PickleMark } from './types';
import {
  type Additions,
  Dict,
  Float,
  Global,
  Interned,
  List,
  NewObject,
  orderedDict,
  Persistent,
  type Picklable,
  Reduce,
  Tuple,
} from './write';

type Entry = [Picklable, Picklable];

/** What BUILD, APPENDS and SETITEMS fill after an object was pushed. */
interface Filling {
  readonly items: Picklable[];
  readonly entries: Entry[];
  state?: Picklable;
}

/**
 * Reads a pickle of protocol 2 into what the writer takes, with everything that `readPickle` drops:
 * floats stay floats, a string that is fetched again is the same object. Writing the result gives
 * the very bytes, so parts of it can be exchanged and the rest keeps its form. Only the opcodes
 * that torch.save writes; the file was read by `readPickle` before, which tells what else is wrong.
 */
export function readExactPickle(bytes: Uint8Array, entry: string): Picklable {
  return new ExactReader(new Cursor(bytes, entry, 0)).run();
}

class ExactReader {
  private readonly memo = new Map<number, Picklable>();
  private readonly globals = new Map<string, Global>([['collections\nOrderedDict', orderedDict]]);
  /** By the object that they fill. */
  private readonly filling = new Map<object, Filling>();
  private stack: Picklable[] = [];
  private readonly marks: Picklable[][] = [];
  private held = 0;

  constructor(private readonly cursor: Cursor) {}

  run(): Picklable {
    const { cursor } = this;
    for (let count = 0; count < maxOpcodes; count++) {
      cursor.opcodeAt = cursor.at;
      const name = opcodeNames.get(cursor.u8()) ?? 'an unknown opcode';
      cursor.opcode = name;
      if (name === 'STOP') return this.pop();
      if (!Object.hasOwn(opcodes, name)) {
        throw unsupported(
          'E_EXPORT_MODULE',
          `The modules of this file are pickled with ${name}, not as torch.save does.`,
          {
            where: { offset: cursor.opcodeAt },
            hint: 'Export a state dict, or save the model with torch.save again.',
          },
        );
      }
      opcodes[name](this, cursor);
      if (this.held + this.stack.length > maxStack) break;
    }
    throw cursor.fail('E_PICKLE_LIMIT', 'The pickle is too long or too deep to be written again.');
  }

  push(value: Picklable): void {
    this.stack.push(value);
  }

  pop(): Picklable {
    const value = this.stack.pop();
    if (value === undefined)
      throw this.cursor.fail('E_PICKLE_STACK', `${this.cursor.opcode} finds nothing on the stack.`);
    return value;
  }

  mark(): void {
    this.marks.push(this.stack);
    this.held += this.stack.length + 1;
    this.stack = [];
  }

  popMark(): Picklable[] {
    const items = this.stack;
    const below = this.marks.pop();
    if (below === undefined) throw this.cursor.fail('E_PICKLE_STACK', `${this.cursor.opcode} finds no MARK.`);
    this.stack = below;
    this.held -= below.length + 1;
    return items;
  }

  tuple(length: number): void {
    const items: Picklable[] = [];
    for (let i = 0; i < length; i++) items.unshift(this.pop());
    this.push(new Tuple(items));
  }

  global(module: string, name: string): void {
    const key = `${module}\n${name}`;
    const global = this.globals.get(key) ?? new Global(module, name);
    this.globals.set(key, global);
    this.push(global);
  }

  /** An object whose content follows. */
  open(make: (filling: Filling & Additions) => Picklable & object): void {
    const filling: Filling = { items: [], entries: [] };
    const made = make(filling);
    this.filling.set(made, filling);
    this.push(made);
  }

  /** What the object on top of the stack is filled with. */
  top(): Filling {
    const value = this.stack.at(-1);
    const filling = typeof value === 'object' && value !== null ? this.filling.get(value) : undefined;
    if (filling === undefined)
      throw this.cursor.fail('E_PICKLE_TYPE', `${this.cursor.opcode} needs an object that can be filled.`);
    return filling;
  }

  setItems(items: readonly Picklable[]): void {
    if (items.length % 2 !== 0)
      throw this.cursor.fail('E_PICKLE_STACK', `${this.cursor.opcode} has a key without a value.`);
    const { entries } = this.top();
    for (let i = 0; i < items.length; i += 2) entries.push([items[i], items[i + 1]]);
  }

  put(index: number): void {
    const value = this.stack.at(-1);
    if (value === undefined || this.memo.size >= maxMemo)
      throw this.cursor.fail('E_PICKLE_MEMO', `${this.cursor.opcode} names a memo entry that cannot be.`);
    this.memo.set(index, value);
  }

  get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw this.cursor.fail('E_PICKLE_MEMO', `Memo entry ${index} was never stored.`);
    this.push(value);
  }

  integer(value: ReturnType<Cursor['integer']>): void {
    if (value instanceof PickleMark)
      throw this.cursor.fail('E_PICKLE_NUMBER', `An ${value.text} cannot be written again.`);
    this.push(value as number | bigint);
  }
}

const opcodes: Readonly<Record<string, (reader: ExactReader, cursor: Cursor) => void>> = {
  PROTO: (_, cursor) => void cursor.u8(),
  MARK: (reader) => reader.mark(),
  NONE: (reader) => reader.push(null),
  NEWTRUE: (reader) => reader.push(true),
  NEWFALSE: (reader) => reader.push(false),
  BININT: (reader, cursor) => reader.push(cursor.i32()),
  BININT1: (reader, cursor) => reader.push(cursor.u8()),
  BININT2: (reader, cursor) => reader.push(cursor.u16()),
  LONG1: (reader, cursor) => reader.integer(cursor.integer(cursor.u8())),
  BINFLOAT: (reader, cursor) => reader.push(new Float(cursor.f64())),
  BINUNICODE: (reader, cursor) => reader.push(new Interned(cursor.text(cursor.u32()))),
  EMPTY_LIST: (reader) => reader.open(({ items }) => new List(items)),
  EMPTY_DICT: (reader) => reader.open(({ entries }) => new Dict(entries)),
  EMPTY_TUPLE: (reader) => reader.push(new Tuple([])),
  TUPLE: (reader) => reader.push(new Tuple(reader.popMark())),
  TUPLE1: (reader) => reader.tuple(1),
  TUPLE2: (reader) => reader.tuple(2),
  TUPLE3: (reader) => reader.tuple(3),
  APPEND: (reader) => {
    const item = reader.pop();
    reader.top().items.push(item);
  },
  APPENDS: (reader) => {
    const items = reader.popMark();
    for (const item of items) reader.top().items.push(item);
  },
  SETITEM: (reader) => {
    const value = reader.pop();
    const key = reader.pop();
    reader.setItems([key, value]);
  },
  SETITEMS: (reader) => reader.setItems(reader.popMark()),
  GLOBAL: (reader, cursor) => {
    const module = cursor.line();
    reader.global(module, cursor.line());
  },
  REDUCE: (reader) => {
    const args = reader.pop();
    const callee = reader.pop();
    reader.open((filling) => new Reduce(callee, args, filling));
  },
  NEWOBJ: (reader) => {
    const args = reader.pop();
    const cls = reader.pop();
    reader.open((filling) => new NewObject(cls, filling, args));
  },
  BUILD: (reader) => {
    const state = reader.pop();
    reader.top().state = state;
  },
  BINPERSID: (reader, cursor) => {
    const id = reader.pop();
    if (!(id instanceof Tuple)) throw cursor.fail('E_PICKLE_TYPE', 'The persistent id is no tuple.');
    reader.push(new Persistent(id));
  },
  BINPUT: (reader, cursor) => reader.put(cursor.u8()),
  LONG_BINPUT: (reader, cursor) => reader.put(cursor.u32()),
  BINGET: (reader, cursor) => reader.get(cursor.u8()),
  LONG_BINGET: (reader, cursor) => reader.get(cursor.u32()),
};
