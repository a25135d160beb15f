import { maxMemoryPages, type WasmMemory } from './webAssembly';

const page = 65_536;

/** All of a 32-bit memory but the last page. */
const maxPages = maxMemoryPages - 1;

/** Everything that kernels load starts at a cache line. */
const alignment = 64;

interface Block {
  readonly start: number;
  readonly size: number;
}

/**
 * Blocks of a WebAssembly memory, first fit. Memory grows when it must and never shrinks; growing
 * detaches views, so they are asked for anew after every `alloc`.
 */
export class WasmHeap {
  private readonly used = new Map<number, number>();
  private free: Block[] = [];
  private end: number;
  private views: {
    readonly buffer: ArrayBuffer;
    readonly f32: Float32Array;
    readonly i8: Int8Array;
    readonly u32: Uint32Array;
  };

  constructor(
    private readonly memory: WasmMemory,
    base: number,
  ) {
    this.end = Math.ceil(base / alignment) * alignment;
    this.views = viewsOf(memory.buffer);
  }

  get f32(): Float32Array {
    return this.current().f32;
  }

  get i8(): Int8Array {
    return this.current().i8;
  }

  get u32(): Uint32Array {
    return this.current().u32;
  }

  /** Start of a block of at least `bytes` bytes, or undefined when memory does not grow so far. */
  alloc(bytes: number): number | undefined {
    const size = Math.max(Math.ceil(bytes / alignment), 1) * alignment;
    const index = this.free.findIndex((block) => block.size >= size);
    if (index >= 0) {
      const { start, size: whole } = this.free[index];
      if (whole === size) this.free.splice(index, 1);
      else this.free[index] = { start: start + size, size: whole - size };
      this.used.set(start, size);
      return start;
    }
    const start = this.end;
    if (!this.reach(start + size)) return undefined;
    this.end = start + size;
    this.used.set(start, size);
    return start;
  }

  release(start: number): void {
    const size = this.used.get(start);
    if (size === undefined) return;
    this.used.delete(start);
    this.free.push({ start, size });
    this.free.sort((a, b) => a.start - b.start);
    const merged: Block[] = [];
    for (const block of this.free) {
      const last = merged.at(-1);
      if (last !== undefined && last.start + last.size === block.start) {
        merged[merged.length - 1] = { start: last.start, size: last.size + block.size };
      } else merged.push(block);
    }
    const last = merged.at(-1);
    if (last !== undefined && last.start + last.size === this.end) {
      this.end = last.start;
      merged.pop();
    }
    this.free = merged;
  }

  private reach(bytes: number): boolean {
    const have = this.memory.buffer.byteLength;
    if (bytes <= have) return true;
    const needed = Math.ceil(bytes / page);
    if (needed > maxPages) return false;
    try {
      this.memory.grow(needed - have / page);
    } catch {
      return false;
    }
    return true;
  }

  private current() {
    if (this.views.buffer !== this.memory.buffer) this.views = viewsOf(this.memory.buffer);
    return this.views;
  }
}

function viewsOf(buffer: ArrayBuffer) {
  return { buffer, f32: new Float32Array(buffer), i8: new Int8Array(buffer), u32: new Uint32Array(buffer) };
}
