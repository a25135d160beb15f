import type { DType } from '../../../core/dtype';
import type { Run } from '../interpreter/run';
import type { StridedTensor } from './stridedTensor';

/**
 * What a variable of a program can hold. A JavaScript number is Python's int (whole, safe);
 * floats are wrapped, because PyTorch decides dtypes by the difference.
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | PyFloat
  | StridedTensor
  | PyTuple
  | PyList
  | PyDict
  | PySet
  | PyRange
  | PySlice
  | DTypeValue
  | DeviceValue
  | Namespace
  | Callable
  | PyClass
  | PyObject
  | Ellipsis;

/** `...` */
export class Ellipsis {
  readonly text = '...';
}

export const ellipsis = new Ellipsis();

export class PyFloat {
  constructor(readonly value: number) {}
}

export class PyTuple {
  constructor(
    readonly items: readonly Value[],
    /** Field names of a named tuple. */
    readonly names?: readonly string[],
    readonly typeName = 'tuple',
  ) {}
}

export class PyList {
  constructor(readonly items: Value[]) {}
}

/** Keys that compare equal in Python share one text; the entry keeps the key itself. */
export class PyDict {
  readonly entries = new Map<string | PyObject | Callable | PyClass, [Value, Value]>();
}

export class PySet {
  readonly entries = new Map<string | PyObject | Callable | PyClass, Value>();
}

/** range() is never made into a list by itself. */
export class PyRange {
  constructor(
    readonly start: number,
    readonly stop: number,
    readonly step: number,
  ) {}

  get length(): number {
    return Math.max(0, Math.ceil((this.stop - this.start) / this.step));
  }
}

export class PySlice {
  constructor(
    readonly start: Value,
    readonly stop: Value,
    readonly step: Value,
  ) {}
}

export class DTypeValue {
  constructor(readonly dtype: DType) {}
}

/** Every device is the CPU here, whatever the file says. */
export class DeviceValue {
  readonly type = 'cpu';
}

export const cpu = new DeviceValue();

/** `torch`, `torch.nn`, `math`: names that the program can look up, and nothing else. */
export class Namespace {
  constructor(
    readonly name: string,
    readonly lookup: (name: string) => Value | undefined,
  ) {}
}

export type Keywords = ReadonlyMap<string, Value>;
export const noKeywords: Keywords = new Map();

export abstract class Callable {
  abstract readonly name: string;
  abstract call(run: Run, args: readonly Value[], keywords: Keywords): Value;
}

/** A function that the executor brings along. */
export class Builtin extends Callable {
  constructor(
    readonly name: string,
    private readonly body: (run: Run, args: readonly Value[], keywords: Keywords) => Value,
  ) {
    super();
  }

  call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    return this.body(run, args, keywords);
  }
}

export class BoundMethod extends Callable {
  constructor(
    readonly self: Value,
    readonly method: Callable,
  ) {
    super();
  }

  get name(): string {
    return this.method.name;
  }

  call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    return this.method.call(run, [this.self, ...args], keywords);
  }
}

/** How a name in a class body behaves when an object of the class is asked for it. */
export type MemberKind = 'plain' | 'method' | 'static' | 'class' | 'property';

export interface Member {
  readonly value: Value;
  readonly kind: MemberKind;
}

/** A class of the file, or one that the executor brings along. */
export class PyClass {
  readonly members = new Map<string, Member>();
  /** Annotated fields by name, with their annotation as text: records, and the attributes of TorchScript's classes. */
  readonly fields = new Map<string, string>();

  constructor(
    readonly name: string,
    readonly bases: readonly PyClass[],
    /** nn.Module or below it. */
    readonly isModule: boolean,
    /** Made by calling, where that is not "make an object and run __init__". */
    readonly construct?: (run: Run, args: readonly Value[], keywords: Keywords) => Value,
  ) {}

  /** The member of the class or of its bases, left to right and depth first. */
  find(name: string): Member | undefined {
    return this.members.get(name) ?? this.findInBases(name);
  }

  findInBases(name: string): Member | undefined {
    for (const base of this.bases) {
      const found = base.find(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  extends(other: PyClass): boolean {
    return this === other || this.bases.some((base) => base.extends(other));
  }
}

/** The children, parameters and buffers of an nn.Module. */
export interface ModuleState {
  readonly parameters: Map<string, StridedTensor | null>;
  readonly buffers: Map<string, { tensor: StridedTensor | null; readonly persistent: boolean }>;
  readonly modules: Map<string, PyObject | null>;
}

/** An object of a class: attributes in a Map, so that no name can reach JavaScript's own. */
export class PyObject {
  readonly attributes = new Map<string, Value>();
  /** Only for nn.Module. */
  readonly module: ModuleState | undefined;
  /** Called before a program changes its attributes, for objects that somebody wants back as they were. */
  beforeChange: (() => void) | undefined = undefined;

  constructor(readonly type: PyClass) {
    this.module = type.isModule ? { parameters: new Map(), buffers: new Map(), modules: new Map() } : undefined;
  }
}
