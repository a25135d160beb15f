import { type AbortCheck, neverAborted } from '../../core/abort';
import { Cursor } from './cursor';
import { opcodes } from './handlers';
import { type PickleLimits, pickleLimits } from './limits';
import { Machine } from './machine';
import { opcodeNames } from './opcodes';
import type { PickleResult } from './types';

export interface PickleOptions {
  /** Where the pickle starts in the file, when it is no entry of an archive: offsets count from the file's start. */
  readonly base?: number;
  /** Whether bytes after STOP are odd, or what a stream of several pickles has. */
  readonly trailing?: 'warn' | 'expected';
  readonly limits?: PickleLimits;
}

const abortEvery = 1 << 16;

/**
 * Reads one pickle into records. The machine has no way to call anything: GLOBAL pushes a name,
 * REDUCE pushes the record of a call. It walks iteratively, so nesting costs memory, not stack.
 */
export function readPickle(
  bytes: Uint8Array,
  entry: string | undefined,
  abort: AbortCheck = neverAborted,
  { base = 0, trailing = 'warn', limits = pickleLimits }: PickleOptions = {},
): PickleResult {
  const cursor = new Cursor(bytes, entry, base);
  const machine = new Machine(cursor, limits);
  for (let count = 0; ; count++) {
    if (count % abortEvery === 0) abort.throwIfAborted();
    if (count >= limits.opcodes)
      throw cursor.fail('E_PICKLE_LIMIT', `The pickle has more than ${limits.opcodes} opcodes.`);
    const startsInFrame = machine.inFrame;
    const name = nextOpcode(cursor);
    if (name === 'STOP') return machine.finish(trailing);
    opcodes[name].call(machine);
    machine.checkOpcode(startsInFrame);
  }
}

function nextOpcode(cursor: Cursor): string {
  cursor.opcodeAt = cursor.base + cursor.at;
  cursor.opcode = 'an opcode';
  const code = cursor.u8();
  const name = opcodeNames.get(code);
  if (name === undefined)
    throw cursor.fail('E_PICKLE_OPCODE', `Byte 0x${code.toString(16).padStart(2, '0')} is not a pickle opcode.`);
  cursor.opcode = name;
  return name;
}
