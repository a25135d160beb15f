/**
 * What a pickle says, as records. A global is a name and stays one; a call is the record of a
 * call. Nothing here can run anything, because nothing here is a function.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleGlobal
  | PickleCall
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleSet
  | PicklePersistent
  | PickleMark;

/** A name that Python would import. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
    readonly offset: number,
  ) {}

  get fullName(): string {
    return `${this.module}.${this.name}`;
  }
}

/** What Python would build by calling something; `state` and items arrive afterwards. */
export class PickleCall {
  state: PickleValue | undefined;
  readonly items: PickleValue[] = [];
  readonly entries: [PickleValue, PickleValue][] = [];

  constructor(
    readonly callee: PickleValue,
    readonly args: PickleValue,
    /** REDUCE calls the callee; NEWOBJ and its kin call its `__new__`. */
    readonly how: 'reduce' | 'newobj',
    readonly offset: number,
  ) {}
}

export class PickleList {
  readonly items: PickleValue[] = [];
}

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** Keys keep their order; equal keys are all kept, the reader decides. */
export class PickleDict {
  readonly entries: [PickleValue, PickleValue][] = [];
}

export class PickleSet {
  readonly items: PickleValue[] = [];
}

/** What a persistent id stands for; PyTorch's are storages. */
export class PicklePersistent {
  constructor(
    readonly id: PickleValue,
    readonly offset: number,
  ) {}
}

/** A whole number too long to be worth decoding, or anything else that is only named. */
export class PickleMark {
  constructor(readonly text: string) {}
}

export interface PickleGlobalUse {
  readonly global: PickleGlobal;
  /** How often the name comes onto the stack: by itself, and from the memo. */
  readonly pushes: number;
  /** How often it would be called. */
  readonly calls: number;
}

export interface PickleResult {
  readonly root: PickleValue;
  readonly protocol: number;
  readonly globals: readonly PickleGlobalUse[];
  /** Every persistent id, in the order of the pickle. */
  readonly persistents: readonly PicklePersistent[];
  /** Bytes up to and with STOP. */
  readonly length: number;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}
