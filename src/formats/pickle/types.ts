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

const nothing: readonly never[] = [];

/** A name that Python would import. */
export class PickleGlobal {
  readonly fullName: string;

  constructor(
    readonly module: string,
    readonly name: string,
    readonly offset: number,
  ) {
    this.fullName = `${module}.${name}`;
  }
}

/** What Python would build by calling something; `state` and items arrive afterwards. */
export class PickleCall {
  state: PickleValue | undefined;
  private ownItems: PickleValue[] | undefined;
  private ownEntries: [PickleValue, PickleValue][] | undefined;

  constructor(
    readonly callee: PickleValue,
    readonly args: PickleValue,
    /** REDUCE calls the callee; NEWOBJ and its kin call its `__new__`. */
    readonly how: 'reduce' | 'newobj',
    readonly offset: number,
  ) {}

  /** Most calls make tensors, which get neither items nor entries; a state dict has a million of them. */
  get items(): readonly PickleValue[] {
    return this.ownItems ?? nothing;
  }

  get entries(): readonly (readonly [PickleValue, PickleValue])[] {
    return this.ownEntries ?? nothing;
  }

  append(item: PickleValue): void {
    this.ownItems ??= [];
    this.ownItems.push(item);
  }

  setItem(key: PickleValue, value: PickleValue): void {
    this.ownEntries ??= [];
    this.ownEntries.push([key, value]);
  }
}

export class PickleList {
  readonly items: PickleValue[] = [];

  append(item: PickleValue): void {
    this.items.push(item);
  }
}

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** Keys keep their order; equal keys are all kept, the reader decides. */
export class PickleDict {
  readonly entries: [PickleValue, PickleValue][] = [];

  setItem(key: PickleValue, value: PickleValue): void {
    this.entries.push([key, value]);
  }
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
  /** Objects that are met more than once, by the memo or DUP: all others form a tree. */
  readonly shared: ReadonlySet<PickleValue>;
  /** Bytes up to and with STOP. */
  readonly length: number;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}
