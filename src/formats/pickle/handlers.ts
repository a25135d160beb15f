import { latin1Text } from '../../core/latin1Text';
import type { Machine } from './machine';
import { decimal, float, index, quoted } from './textOperands';
import { PickleDict, PickleList, PickleSet, PickleTuple } from './types';

/** What each opcode does to the machine. */
export const opcodes: Record<string, (this: Machine) => void> = {
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
    this.duplicate();
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
    this.push(decimal(this.reader, this.reader.line()));
  },
  LONG() {
    this.push(decimal(this.reader, this.reader.line().replace(/L$/, '')));
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
    this.push(float(this.reader, this.reader.line()));
  },
  BINFLOAT() {
    this.push(this.reader.f64());
  },
  STRING() {
    this.push(quoted(this.reader, this.reader.line()));
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
    this.put(index(this.reader.line()));
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
    this.get(index(this.reader.line()));
  },
  BINGET() {
    this.get(this.reader.u8());
  },
  LONG_BINGET() {
    this.get(this.reader.u32());
  },
};
