import type { Disk, DiskFile } from '../../src/worker/disk';

/** One thing that was asked of a disk, in the order in which it was done. Files are numbered as they were created. */
export type Operation =
  | { readonly kind: 'create'; readonly path: string; readonly file: number }
  | { readonly kind: 'write'; readonly file: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'chmod' | 'sync' | 'read' | 'close'; readonly file: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly file: number }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'mode'; readonly path: string }
  | { readonly kind: 'syncFolder'; readonly path: string };

/** Throws for operations that fail; `index` counts all that were asked. */
export type Fault = (operation: Operation, index: number) => void;

export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A disk in memory that remembers in which order things were asked of it, and fails where it is told to. */
export class RecordingDisk implements Disk {
  readonly log: Operation[] = [];
  readonly names = new Map<string, number>();
  readonly contents: Uint8Array[] = [];
  private asked = 0;

  constructor(
    readonly initial: ReadonlyMap<string, string>,
    private readonly fault: Fault = () => {},
    /** What reading gives instead of what is there. */
    private readonly misread: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
  ) {
    for (const [path, text] of initial) this.names.set(path, this.contents.push(Buffer.from(text)) - 1);
  }

  async create(path: string): Promise<DiskFile> {
    if (this.names.has(path)) throw systemError('EEXIST');
    const file = this.contents.length;
    this.record({ kind: 'create', path, file });
    this.contents.push(new Uint8Array(0));
    this.names.set(path, file);
    return {
      write: async (bytes, position) => {
        this.record({ kind: 'write', file, position, bytes: bytes.slice() });
        this.contents[file] = withBytes(this.contents[file], position, bytes);
        return bytes.length;
      },
      read: async (into, position) => {
        this.record({ kind: 'read', file });
        const found = this.misread(this.contents[file].slice(position, position + into.length));
        into.set(found);
        return found.length;
      },
      chmod: async () => this.record({ kind: 'chmod', file }),
      sync: async () => this.record({ kind: 'sync', file }),
      close: async () => this.record({ kind: 'close', file }),
    };
  }

  async mode(path: string): Promise<number | undefined> {
    this.record({ kind: 'mode', path });
    return this.names.has(path) ? 0o644 : undefined;
  }

  async rename(from: string, to: string): Promise<void> {
    const file = this.names.get(from);
    if (file === undefined) throw systemError('ENOENT');
    this.record({ kind: 'rename', from, to, file });
    this.names.delete(from);
    this.names.set(to, file);
  }

  async remove(path: string): Promise<void> {
    this.record({ kind: 'remove', path });
    this.names.delete(path);
  }

  async syncFolder(path: string): Promise<void> {
    this.record({ kind: 'syncFolder', path });
  }

  /** What is there now, by path. */
  files(): Map<string, string> {
    return new Map([...this.names].map(([path, file]) => [path, Buffer.from(this.contents[file]).toString()]));
  }

  private record(operation: Operation): void {
    this.fault(operation, this.asked++);
    this.log.push(operation);
  }
}

/** The same disk with other files: what `change` makes of each new one. */
export function withFiles(disk: Disk, change: (file: DiskFile) => DiskFile): Disk {
  return {
    create: async (path) => change(await disk.create(path)),
    mode: (path) => disk.mode(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncFolder: (path) => disk.syncFolder(path),
  };
}

/** A gap reads as zeros, as on a disk. */
function withBytes(content: Uint8Array, position: number, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.max(content.length, position + bytes.length));
  out.set(content);
  out.set(bytes, position);
  return out;
}

/** How much of the unflushed operation of this number is on the disk when the power is lost: 0 to 1. */
export type Surviving = (index: number) => number;

/** Bits of a number: every combination of whole operations, as the number counts up. */
export function bits(mask: number): Surviving {
  return (index) => (mask >> index) & 1;
}

/**
 * What lies on the disk when the power is lost after these operations: all that was flushed, and of the
 * rest what survives, in any combination: a disk keeps no order, and may keep half of a write. A name
 * that was given or taken is flushed with its folder, and is never halved.
 */
export function afterPowerLoss(
  initial: ReadonlyMap<string, string>,
  log: readonly Operation[],
  writes: Surviving,
  names: Surviving,
): Map<string, string> {
  const files = [...initial.values()].map((text): Uint8Array => Buffer.from(text));
  const found = new Map([...initial.keys()].map((path, file) => [path, file]));
  for (const [share, operation] of surviving(log, 'syncFolder', names)) {
    if (share === 0) continue;
    if (operation.kind === 'create') found.set(operation.path, operation.file);
    if (operation.kind === 'remove') found.delete(operation.path);
    if (operation.kind !== 'rename') continue;
    found.delete(operation.from);
    found.set(operation.to, operation.file);
  }
  const content = (file: number): Uint8Array => {
    const own = log.filter((operation) => 'file' in operation && operation.file === file);
    return surviving(own, 'sync', writes).reduce<Uint8Array>(
      (bytes, [share, operation]) =>
        operation.kind !== 'write' || share === 0
          ? bytes
          : withBytes(bytes, operation.position, operation.bytes.subarray(0, operation.bytes.length * share)),
      files[file] ?? new Uint8Array(0),
    );
  };
  return new Map([...found].map(([path, file]) => [path, Buffer.from(content(file)).toString()]));
}

const changing = new Set<Operation['kind']>(['create', 'write', 'rename', 'remove']);

/** All that changes something, each with how much of it survives: what the last flush has, in full. */
function surviving(log: readonly Operation[], flush: Operation['kind'], share: Surviving): [number, Operation][] {
  const flushed = log.findLastIndex(({ kind }) => kind === flush);
  const changes = (operations: readonly Operation[]) => operations.filter(({ kind }) => changing.has(kind));
  return [
    ...changes(log.slice(0, flushed + 1)).map((operation): [number, Operation] => [1, operation]),
    ...changes(log.slice(flushed + 1))
      .filter(({ kind }) => (kind === 'write') === (flush === 'sync'))
      .map((operation, i): [number, Operation] => [share(i), operation]),
  ];
}
