import { type AbortCheck, neverAborted } from '../../core/abort';
import { latin1Text } from '../../core/latin1Text';
import { Cursor, narrow } from './cursor';
import { maxMemo, maxOpcodes, maxStack } from './limits';
import { opcodeNames } from './opcodes';
import {
  PickleCall,
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleMark,
  PicklePersistent,
  type PickleResult,
  PickleSet,
  PickleTuple,
  type PickleValue,
} from './types';

/**
 * Reads one pickle into records. The machine has no way to call anything: GLOBAL pushes a name,
 * REDUCE pushes the record of a call. It walks iteratively, so nesting costs memory, not stack.
 */
export function readPickle(
  bytes: Uint8Array,
  entry: string | undefined,
  abort: AbortCheck = neverAborted,
  { base = 0, trailing = 'warn' }: PickleOptions = {},
): PickleResult {
  return new Machine(new Cursor(bytes, entry, base), trailing === 'warn').run(abort);
}

export interface PickleOptions {
  /** Where the pickle starts in the file, when it is no entry of an archive: offsets count from the file's start. */
  readonly base?: number;
  /** Whether bytes after STOP are odd, or what a stream of several pickles has. */
  readonly trailing?: 'warn' | 'expected';
}

const abortEvery = 1 << 16;

/** Characters of a number in text; a pattern over more could take forever. */
const maxNumberText = 1_000;

class Machine {
  private readonly persistents: PicklePersistent[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private readonly used = new Map<PickleGlobal, { pushes: number; calls: number }>();
  private readonly warnings: { code: string; message: string }[] = [];
  private stack: PickleValue[] = [];
  private marks: PickleValue[][] = [];
  private protocol = 0;
  private depth = 0;
  private frameEnd = 0;

  constructor(
    private readonly cursor: Cursor,
    private readonly warnsOfTrailing: boolean,
  ) {}

  run(abort: AbortCheck): PickleResult {
    const { cursor } = this;
    for (let count = 0; ; count++) {
      if (count % abortEvery === 0) abort.throwIfAborted();
      if (count > maxOpcodes) throw cursor.fail('E_PICKLE_LIMIT', `The pickle has more than ${maxOpcodes} opcodes.`);
      cursor.opcodeAt = cursor.base + cursor.at;
      cursor.opcode = 'an opcode';
      const code = cursor.u8();
      const name = opcodeNames.get(code);
      if (name === undefined)
        throw cursor.fail('E_PICKLE_OPCODE', `Byte 0x${code.toString(16).padStart(2, '0')} is not a pickle opcode.`);
      cursor.opcode = name;
      if (name === 'STOP') return this.finish();
      const startsInFrame = cursor.opcodeAt - cursor.base < this.frameEnd;
      opcodes[name].call(this);
      if (startsInFrame && cursor.at > this.frameEnd)
        this.warnOnce('E_PICKLE_FRAME', `${name} reaches over the end of its frame.`);
      if (this.depth + this.stack.length > maxStack)
        throw cursor.fail('E_PICKLE_LIMIT', `The pickle's stack grows beyond ${maxStack}.`);
    }
  }

  private finish(): PickleResult {
    const root = this.pop();
    if (this.cursor.remaining > 0 && this.warnsOfTrailing) {
      this.warnings.push({
        code: 'E_PICKLE_TRAILING',
        message: `${this.cursor.remaining} bytes follow the end of the pickle.`,
      });
    }
    const globals = [...this.used].map(([global, counts]) => ({ global, ...counts }));
    const { protocol, persistents, warnings } = this;
    return { root, protocol, globals, persistents, length: this.cursor.at, warnings };
  }

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  /** A value that stands elsewhere already. */
  pushAgain(value: PickleValue): void {
    const counts = value instanceof PickleGlobal ? this.used.get(value) : undefined;
    if (counts !== undefined) counts.pushes++;
    this.push(value);
  }

  pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined)
      throw this.cursor.fail('E_PICKLE_STACK', `${this.cursor.opcode} finds nothing on the stack.`);
    return value;
  }

  top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined)
      throw this.cursor.fail('E_PICKLE_STACK', `${this.cursor.opcode} finds nothing on the stack.`);
    return value;
  }

  mark(): void {
    this.marks.push(this.stack);
    this.depth += this.stack.length + 1;
    this.stack = [];
  }

  /** The values since the last MARK. */
  popMark(): PickleValue[] {
    const items = this.stack;
    const below = this.marks.pop();
    if (below === undefined) throw this.cursor.fail('E_PICKLE_STACK', `${this.cursor.opcode} finds no MARK.`);
    this.stack = below;
    this.depth -= below.length + 1;
    return items;
  }

  stackIsEmpty(): boolean {
    return this.stack.length === 0;
  }

  get reader(): Cursor {
    return this.cursor;
  }

  setProtocol(version: number): void {
    if (this.cursor.at > 2) this.warnOnce('E_PICKLE_PROTOCOL', 'The pickle names its protocol a second time, or late.');
    if (version > 5)
      this.warnings.push({
        code: 'E_PICKLE_PROTOCOL',
        message: `The pickle names protocol ${version}; it is read as protocol 5.`,
      });
    this.protocol = version;
  }

  /** Frames only tell how much to read at once; wrong ones hide opcodes from scanners that trust them. */
  openFrame(length: number): void {
    const { at, remaining } = this.cursor;
    if (length > remaining) this.warnOnce('E_PICKLE_FRAME', `A frame of ${length} bytes is longer than the pickle.`);
    else if (at < this.frameEnd) this.warnOnce('E_PICKLE_FRAME', 'A frame starts inside another one.');
    this.frameEnd = at + Math.min(length, remaining);
  }

  warnOnce(code: string, message: string): void {
    if (!this.warnings.some((warning) => warning.code === code)) this.warnings.push({ code, message });
  }

  extension(code: number): void {
    this.warnOnce(
      'E_PICKLE_EXTENSION',
      `The pickle uses extension code ${code}, which only the program that wrote it knows.`,
    );
    this.push(new PickleMark(`extension code ${code}`));
  }

  tuple(length: number): void {
    const items: PickleValue[] = [];
    for (let i = 0; i < length; i++) items.unshift(this.pop());
    this.push(new PickleTuple(items));
  }

  global(module: PickleValue, name: PickleValue): PickleGlobal {
    if (typeof module !== 'string' || typeof name !== 'string') {
      throw this.cursor.fail('E_PICKLE_TYPE', `${this.cursor.opcode} needs two strings.`, {
        found: `${kindOf(module)} and ${kindOf(name)}`,
      });
    }
    const global = new PickleGlobal(module, name, this.cursor.opcodeAt);
    this.used.set(global, { pushes: 1, calls: 0 });
    return global;
  }

  call(callee: PickleValue, args: PickleValue, how: PickleCall['how']): void {
    this.countCall(callee);
    this.push(new PickleCall(callee, args, how, this.cursor.opcodeAt));
  }

  private countCall(callee: PickleValue): void {
    const counts = callee instanceof PickleGlobal ? this.used.get(callee) : undefined;
    if (counts !== undefined) counts.calls++;
  }

  put(index: number | undefined): void {
    if (index === undefined || index < 0 || this.memo.size >= maxMemo) {
      throw this.cursor.fail('E_PICKLE_MEMO', `${this.cursor.opcode} names a memo entry that cannot be.`);
    }
    this.memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.memo.size);
  }

  get(index: number | undefined): void {
    const value = index === undefined ? undefined : this.memo.get(index);
    if (value === undefined) throw this.cursor.fail('E_PICKLE_MEMO', `Memo entry ${index} was never stored.`);
    this.pushAgain(value);
  }

  append(items: readonly PickleValue[]): void {
    const target = this.top();
    if (target instanceof PickleList || target instanceof PickleCall) for (const item of items) target.append(item);
    else
      throw this.cursor.fail('E_PICKLE_TYPE', `${this.cursor.opcode} needs a list below the items.`, {
        found: kindOf(target),
        expected: 'list',
      });
  }

  add(items: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof PickleSet))
      throw this.cursor.fail('E_PICKLE_TYPE', 'ADDITEMS needs a set.', { found: kindOf(target), expected: 'set' });
    for (const item of items) target.items.push(item);
  }

  setItems(items: readonly PickleValue[]): void {
    const target = this.top();
    if (items.length % 2 !== 0)
      throw this.cursor.fail('E_PICKLE_STACK', `${this.cursor.opcode} has a key without a value.`);
    // Tensors are calls too, and PyTorch refuses items on them; the tensor reader does.
    if (!(target instanceof PickleDict || target instanceof PickleCall)) {
      throw this.cursor.fail('E_PICKLE_TYPE', `${this.cursor.opcode} needs a dict below the items.`, {
        found: kindOf(target),
        expected: 'dict',
      });
    }
    for (let i = 0; i < items.length; i += 2) target.setItem(items[i], items[i + 1]);
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof PickleCall) {
      target.state = state;
      return;
    }
    if (target instanceof PicklePersistent || target instanceof PickleGlobal) {
      this.pop();
      const call = new PickleCall(target, new PickleTuple([]), 'newobj', this.cursor.opcodeAt);
      this.countCall(target);
      call.state = state;
      this.push(call);
      return;
    }
    throw this.cursor.fail('E_PICKLE_TYPE', 'BUILD needs an object.', { found: kindOf(target), expected: 'object' });
  }

  persistent(id: PickleValue): void {
    const persistent = new PicklePersistent(id, this.cursor.opcodeAt);
    this.persistents.push(persistent);
    this.push(persistent);
  }

  decimal(text: string): number | bigint | boolean {
    if (text === '00') return false;
    if (text === '01') return true;
    if (text.length > maxNumberText || !/^[+-]?\d+$/.test(text))
      throw this.cursor.fail('E_PICKLE_NUMBER', `${JSON.stringify(text.slice(0, 40))} is not a whole number.`);
    return narrow(BigInt(text));
  }

  float(text: string): number {
    if (text.length <= maxNumberText && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text);
    const special = /^([+-]?)(inf|nan)$/.exec(text);
    if (special === null)
      throw this.cursor.fail('E_PICKLE_NUMBER', `${JSON.stringify(text.slice(0, 40))} is not a number.`);
    return special[2] === 'nan' ? Number.NaN : special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }

  index(text: string): number | undefined {
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  /** The text of a protocol 0 string: Python's repr, in quotes. */
  quoted(text: string): string {
    const inner = /^(['"])(.*)\1$/s.exec(text)?.[2];
    if (inner === undefined) throw this.cursor.fail('E_PICKLE_STRING', 'STRING has no matching quotes.');
    return inner.replace(/\\(x[0-9a-fA-F]{2}|.)/gs, (_, sequence: string) => unescaped(sequence));
  }
}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', '0': '\0', a: '\x07', b: '\b', f: '\f', v: '\v' };

function unescaped(sequence: string): string {
  if (sequence.length === 3) return String.fromCharCode(Number.parseInt(sequence.slice(1), 16));
  return escapes[sequence] ?? sequence;
}

const opcodes: Record<string, (this: Machine) => void> = {
  MARK() {
    this.mark();
  },
  POP() {
    if (this.stackIsEmpty()) this.popMark();
    else this.pop();
  },
  POP_MARK() {
    this.popMark();
  },
  DUP() {
    this.pushAgain(this.top());
  },
  PROTO() {
    this.setProtocol(this.reader.u8());
  },
  FRAME() {
    this.openFrame(this.reader.u64());
  },
  NONE() {
    this.push(null);
  },
  NEWTRUE() {
    this.push(true);
  },
  NEWFALSE() {
    this.push(false);
  },
  INT() {
    this.push(this.decimal(this.reader.line()));
  },
  LONG() {
    this.push(this.decimal(this.reader.line().replace(/L$/, '')));
  },
  BININT() {
    this.push(this.reader.i32());
  },
  BININT1() {
    this.push(this.reader.u8());
  },
  BININT2() {
    this.push(this.reader.u16());
  },
  LONG1() {
    this.push(this.reader.integer(this.reader.u8()));
  },
  LONG4() {
    this.push(this.reader.integer(this.reader.length32()));
  },
  FLOAT() {
    this.push(this.float(this.reader.line()));
  },
  BINFLOAT() {
    this.push(this.reader.f64());
  },
  STRING() {
    this.push(this.quoted(this.reader.line()));
  },
  BINSTRING() {
    this.push(latin1Text(this.reader.take(this.reader.length32())));
  },
  SHORT_BINSTRING() {
    this.push(latin1Text(this.reader.take(this.reader.u8())));
  },
  UNICODE() {
    this.push(
      this.reader
        .line()
        .replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    );
  },
  BINUNICODE() {
    this.push(this.reader.text(this.reader.u32()));
  },
  SHORT_BINUNICODE() {
    this.push(this.reader.text(this.reader.u8()));
  },
  BINUNICODE8() {
    this.push(this.reader.text(this.reader.u64()));
  },
  BINBYTES() {
    this.push(this.reader.take(this.reader.u32()));
  },
  SHORT_BINBYTES() {
    this.push(this.reader.take(this.reader.u8()));
  },
  BINBYTES8() {
    this.push(this.reader.take(this.reader.u64()));
  },
  BYTEARRAY8() {
    this.push(this.reader.take(this.reader.u64()));
  },
  NEXT_BUFFER() {
    throw this.reader.fail('E_PICKLE_BUFFER', 'The pickle refers to a buffer that is not in the file.');
  },
  READONLY_BUFFER() {
    throw this.reader.fail('E_PICKLE_BUFFER', 'The pickle refers to a buffer that is not in the file.');
  },
  EMPTY_LIST() {
    this.push(new PickleList());
  },
  EMPTY_DICT() {
    this.push(new PickleDict());
  },
  EMPTY_SET() {
    this.push(new PickleSet());
  },
  EMPTY_TUPLE() {
    this.push(new PickleTuple([]));
  },
  TUPLE() {
    this.push(new PickleTuple(this.popMark()));
  },
  TUPLE1() {
    this.tuple(1);
  },
  TUPLE2() {
    this.tuple(2);
  },
  TUPLE3() {
    this.tuple(3);
  },
  LIST() {
    const items = this.popMark();
    this.push(new PickleList());
    this.append(items);
  },
  DICT() {
    const items = this.popMark();
    this.push(new PickleDict());
    this.setItems(items);
  },
  FROZENSET() {
    const items = this.popMark();
    this.push(new PickleSet());
    this.add(items);
  },
  APPEND() {
    const item = this.pop();
    this.append([item]);
  },
  APPENDS() {
    const items = this.popMark();
    this.append(items);
  },
  ADDITEMS() {
    const items = this.popMark();
    this.add(items);
  },
  SETITEM() {
    const value = this.pop();
    const key = this.pop();
    this.setItems([key, value]);
  },
  SETITEMS() {
    const items = this.popMark();
    this.setItems(items);
  },
  GLOBAL() {
    const module = this.reader.line();
    this.push(this.global(module, this.reader.line()));
  },
  STACK_GLOBAL() {
    const name = this.pop();
    this.push(this.global(this.pop(), name));
  },
  REDUCE() {
    const args = this.pop();
    this.call(this.pop(), args, 'reduce');
  },
  NEWOBJ() {
    const args = this.pop();
    this.call(this.pop(), args, 'newobj');
  },
  NEWOBJ_EX() {
    const named = this.pop();
    const args = this.pop();
    this.call(this.pop(), new PickleTuple([args, named]), 'newobj');
  },
  INST() {
    const module = this.reader.line();
    const global = this.global(module, this.reader.line());
    this.call(global, new PickleTuple(this.popMark()), 'reduce');
  },
  OBJ() {
    const [callee, ...args] = this.popMark();
    if (callee === undefined) throw this.reader.fail('E_PICKLE_STACK', 'OBJ has no class.');
    this.call(callee, new PickleTuple(args), 'reduce');
  },
  BUILD() {
    this.build();
  },
  PERSID() {
    this.persistent(this.reader.line());
  },
  BINPERSID() {
    this.persistent(this.pop());
  },
  EXT1() {
    this.extension(this.reader.u8());
  },
  EXT2() {
    this.extension(this.reader.u16());
  },
  EXT4() {
    this.extension(this.reader.i32());
  },
  PUT() {
    this.put(this.index(this.reader.line()));
  },
  BINPUT() {
    this.put(this.reader.u8());
  },
  LONG_BINPUT() {
    this.put(this.reader.u32());
  },
  MEMOIZE() {
    this.memoize();
  },
  GET() {
    this.get(this.index(this.reader.line()));
  },
  BINGET() {
    this.get(this.reader.u8());
  },
  LONG_BINGET() {
    this.get(this.reader.u32());
  },
};

/** What a value is called in Python. */
export function kindOf(value: PickleValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'string') return 'str';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof PickleList) return 'list';
  if (value instanceof PickleTuple) return 'tuple';
  if (value instanceof PickleDict) return 'dict';
  if (value instanceof PickleSet) return 'set';
  if (value instanceof PickleGlobal) return value.fullName;
  if (value instanceof PickleCall)
    return value.callee instanceof PickleGlobal ? `${value.callee.fullName} object` : 'object';
  return 'object';
}
