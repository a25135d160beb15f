import { fsyncSync, readSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { Worker } from 'node:worker_threads';
import { updateCrc32 } from '../formats/zip/crc';

/**
 * A thread beside the one that writes a large file: it makes the disk keep what was written so far,
 * reads it back and sums it up, while more is written. All they share are these words.
 */
const word = { wake: 0, written: 1, finished: 2, stopped: 3, state: 4, crc: 5, bytes: 6, errno: 7 };
const state = { running: 0n, read: 1n, failed: 2n };

/** Bytes that are flushed and read back at once; what has fewer needs no thread. */
export const regionBytes = 64 * 1024 * 1024;
/** What one call reads: it stays in the processor's cache. */
const pieceBytes = 256 * 1024;
/** The thread holds one piece. */
const heapMb = 16;

function at(control: BigInt64Array, index: number): number {
  return Number(Atomics.load(control, index));
}

/** What the thread asks of the file. */
export interface ReadableFile {
  sync(): void;
  /** Returns how many bytes there were, 0 at the end of the file. */
  read(into: Uint8Array, position: number): number;
}

export function openReadableFile(fd: number): ReadableFile {
  return {
    sync: () => fsyncSync(fd),
    read: (into, position) => readSync(fd, into, 0, into.length, position),
  };
}

/** The thread's side: returns when all was read, when it was stopped, or with an error in the words. */
export function serveReadBack(file: ReadableFile, control: BigInt64Array): void {
  const piece = new Uint8Array(pieceBytes);
  let [bytes, crc] = [0, 0];
  const settle = (outcome: bigint, errno = 0) => {
    const values = { crc, bytes, errno };
    for (const [name, value] of Object.entries(values))
      Atomics.store(control, word[name as keyof typeof word], BigInt(value));
    Atomics.store(control, word.state, outcome);
  };
  try {
    for (;;) {
      const { end, last } = nextRegion(control, bytes);
      if (at(control, word.stopped) !== 0) return;
      file.sync();
      while (bytes < end) {
        if (at(control, word.stopped) !== 0) return;
        const read = file.read(piece.subarray(0, end - bytes), bytes);
        if (read === 0) break;
        crc = updateCrc32(crc, piece.subarray(0, read));
        bytes += read;
      }
      if (last || bytes < end) break;
    }
    settle(state.read);
  } catch (error) {
    settle(state.failed, (error as NodeJS.ErrnoException).errno ?? 0);
  }
}

/** Sleeps until there is enough beyond `from`, or no more will come. */
function nextRegion(control: BigInt64Array, from: number): { readonly end: number; readonly last: boolean } {
  for (;;) {
    // In this order: what changes later wakes, and what was written before the end was said is all.
    const seen = Atomics.load(control, word.wake);
    const last = at(control, word.finished) !== 0 || at(control, word.stopped) !== 0;
    const end = at(control, word.written);
    if (last || end - from >= regionBytes) return { end, last };
    Atomics.wait(control, word.wake, seen);
  }
}

/** What was read back of a file, up to the end or to where it ended too early. */
export interface Found {
  readonly bytes: number;
  readonly crc: number;
}

/** The writing thread's side. */
export class ReadBackThread {
  private readonly control = new BigInt64Array(new SharedArrayBuffer(8 * Object.keys(word).length));
  private readonly ended: Promise<void>;
  private told = 0;

  /** `script` is the thread's bundle, `fd` a file that is open for reading too. */
  constructor(script: string, fd: number) {
    const { control } = this;
    const worker = new Worker(script, {
      workerData: { fd, control },
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    this.ended = new Promise((resolve) => {
      // A thread that is lost has no outcome.
      worker.on('error', () => resolve());
      worker.on('exit', () => resolve());
    });
  }

  /** So many bytes are written by now. Throws what a flush of earlier ones met. */
  wrote(bytes: number): void {
    this.throwIfFailed();
    Atomics.store(this.control, word.written, BigInt(bytes));
    if (bytes - this.told < regionBytes) return;
    this.told = bytes;
    this.wake();
  }

  /** All is written; undefined if the thread was lost. */
  async finish(bytes: number): Promise<Found | undefined> {
    Atomics.store(this.control, word.written, BigInt(bytes));
    Atomics.store(this.control, word.finished, 1n);
    this.wake();
    await this.ended;
    this.throwIfFailed();
    if (Atomics.load(this.control, word.state) !== state.read) return undefined;
    return { bytes: at(this.control, word.bytes), crc: at(this.control, word.crc) };
  }

  /** Returns when it uses the file no more. */
  async stop(): Promise<void> {
    Atomics.store(this.control, word.stopped, 1n);
    this.wake();
    await this.ended;
  }

  private wake(): void {
    Atomics.add(this.control, word.wake, 1n);
    Atomics.notify(this.control, word.wake);
  }

  private throwIfFailed(): void {
    if (Atomics.load(this.control, word.state) !== state.failed) return;
    const code = getSystemErrorName(at(this.control, word.errno));
    throw Object.assign(new Error(`${code}: what was written could not be read back`), { code });
  }
}
