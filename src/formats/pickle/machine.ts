import type { Cursor } from './cursor';
import { kindOf } from './kindOf';
import { maxOrdinaryDuplicates, type PickleLimits } from './limits';
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

/** Whether one of these is harmless depends on its arguments, so that each use keeps its own place. */
const judgedByUse: ReadonlySet<string> = new Set(['getattr', '_load_from_bytes']);

/** The stack, the memo and what is odd: what the opcodes work on. It has no way to call anything. */
export class Machine {
  private readonly persistents: PicklePersistent[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private readonly used = new Map<PickleGlobal, { pushes: number; calls: number }>();
  /** Names by what they import: a file without a memo spells each out a million times. */
  private readonly names = new Map<string, PickleGlobal>();
  private readonly shared = new Set<PickleValue>();
  private readonly warnings: { code: string; message: string }[] = [];
  private stack: PickleValue[] = [];
  private marks: PickleValue[][] = [];
  private protocol = 0;
  private depth = 0;
  private frameEnd = 0;
  private duplicates = 0;

  constructor(
    private readonly cursor: Cursor,
    private readonly limits: PickleLimits,
  ) {}

  get inFrame(): boolean {
    return this.cursor.at < this.frameEnd;
  }

  /** What holds after each opcode; `startedInFrame` is `inFrame` before it. */
  checkOpcode(startedInFrame: boolean): void {
    if (startedInFrame && this.cursor.at > this.frameEnd)
      this.warnOnce('E_PICKLE_FRAME', `${this.cursor.opcode} reaches over the end of its frame.`);
    if (this.depth + this.stack.length > this.limits.stack)
      throw this.cursor.fail('E_PICKLE_LIMIT', `The pickle's stack grows beyond ${this.limits.stack}.`);
  }

  finish(trailing: 'warn' | 'expected'): PickleResult {
    const root = this.pop();
    if (this.cursor.remaining > 0 && trailing === 'warn') {
      this.warnings.push({
        code: 'E_PICKLE_TRAILING',
        message: `${this.cursor.remaining} bytes follow the end of the pickle.`,
      });
    }
    const globals = [...this.used].map(([global, counts]) => ({ global, ...counts }));
    const { protocol, persistents, shared, warnings } = this;
    return { root, protocol, globals, persistents, shared, length: this.cursor.at, warnings };
  }

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  /** A value that stands elsewhere already. */
  pushAgain(value: PickleValue): void {
    const counts = value instanceof PickleGlobal ? this.used.get(value) : undefined;
    if (counts !== undefined) counts.pushes++;
    if (typeof value === 'object' && value !== null) this.shared.add(value);
    if (this.shared.size > this.limits.memo)
      throw this.cursor.fail('E_PICKLE_LIMIT', `More than ${this.limits.memo} values of the pickle are used again.`);
    this.push(value);
  }

  /** Python's pickler writes no DUP; scanners that guess what is on the stack are led astray by it. */
  duplicate(): void {
    if (++this.duplicates > maxOrdinaryDuplicates)
      this.warnOnce('E_PICKLE_DUP', `The pickle has more than ${maxOrdinaryDuplicates} DUP, which no pickler writes.`);
    this.pushAgain(this.top());
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
    const full = `${module}\n${name}`;
    const known = this.names.get(full);
    const counts = known && this.used.get(known);
    if (known !== undefined && counts !== undefined) {
      counts.pushes++;
      return known;
    }
    if (this.used.size >= this.limits.globals)
      throw this.cursor.fail('E_PICKLE_LIMIT', `The pickle imports more than ${this.limits.globals} names.`);
    const global = new PickleGlobal(module, name, this.cursor.opcodeAt);
    this.used.set(global, { pushes: 1, calls: 0 });
    if (!judgedByUse.has(name)) this.names.set(full, global);
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
    if (index === undefined || index < 0) {
      throw this.cursor.fail('E_PICKLE_MEMO', `${this.cursor.opcode} names a memo entry that cannot be.`);
    }
    if (this.memo.size >= this.limits.memo && !this.memo.has(index))
      throw this.cursor.fail('E_PICKLE_LIMIT', `The pickle keeps more than ${this.limits.memo} values in its memo.`);
    const before = this.memo.get(index);
    const value = this.top();
    if (before !== undefined && before !== value)
      this.warnOnce(
        'E_PICKLE_MEMO_TWICE',
        `${this.cursor.opcode} gives memo entry ${index} a second value, as no pickler does.`,
      );
    this.memo.set(index, value);
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
}
