/** What the machine may grow to; tests read small pickles with small limits. */
export interface PickleLimits {
  readonly opcodes: number;
  readonly stack: number;
  readonly memo: number;
  readonly globals: number;
}

/** Opcodes of one pickle: a checkpoint of half a million tensors has fifteen million. */
export const maxOpcodes = 64_000_000;

/** Values on the machine's stack. */
export const maxStack = 4_000_000;

/** Memo entries; a JavaScript Map ends at 2^24. */
export const maxMemo = 16_000_000;

/** Different names that a pickle imports; a whole model has some hundreds. */
export const maxGlobals = 1_000_000;

/** DUP opcodes that raise no question. */
export const maxOrdinaryDuplicates = 100;

export const pickleLimits: PickleLimits = {
  opcodes: maxOpcodes,
  stack: maxStack,
  memo: maxMemo,
  globals: maxGlobals,
};

/** Bytes of one pickle, inflated: 120 a tensor are common. */
export const maxPickleBytes = 1024 * 1024 * 1024;

/** Bytes of a whole number that is worth decoding: nothing in a checkpoint needs more. */
export const maxIntegerBytes = 64;
