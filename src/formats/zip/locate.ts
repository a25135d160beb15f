import type { ZipEntry } from './types';

/** Finds an archive's entry by name. */
export type Locate = (name: string) => ZipEntry | undefined;

/**
 * Finds the entry that PyTorch would find: names match whatever their case, and of several with
 * one name the one that miniz's binary search meets in its own order. Where names are unique, as
 * in every archive that PyTorch writes, this is a plain look-up.
 */
export function locator(entries: readonly ZipEntry[]): Locate {
  const byName = new Map<string, ZipEntry>();
  let ambiguous = false;
  for (const entry of entries) {
    const folded = fold(entry.name);
    if (byName.has(folded)) ambiguous = true;
    else byName.set(folded, entry);
  }
  if (!ambiguous) return (name) => byName.get(fold(name));
  const keys = entries.map(({ name }) => fold(name));
  const order = minizOrder(keys);
  return (name) => {
    const at = binarySearch(keys, order, fold(name));
    return at === undefined ? undefined : entries[at];
  };
}

/** miniz's tolower: ASCII letters only. */
function fold(name: string): string {
  return /[A-Z]/.test(name) ? name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : name;
}

/**
 * The indices as mz_zip_reader_sort_central_dir_offsets_by_filename leaves them: a heap sort,
 * which does not keep the order of equal names. Source: miniz 2.1, mz_zip_reader_*.
 */
function minizOrder(keys: readonly string[]): Uint32Array {
  const order = Uint32Array.from(keys, (_, i) => i);
  const less = (a: number, b: number) => keys[order[a]] < keys[order[b]];
  const swap = (a: number, b: number) => {
    const kept = order[a];
    order[a] = order[b];
    order[b] = kept;
  };
  const sift = (from: number, end: number) => {
    let root = from;
    for (let child = 2 * root + 1; child < end; child = 2 * root + 1) {
      if (child + 1 < end && less(child, child + 1)) child++;
      if (!less(root, child)) return;
      swap(root, child);
      root = child;
    }
  };
  for (let start = (keys.length - 2) >> 1; start >= 0; start--) sift(start, keys.length);
  for (let end = keys.length - 1; end > 0; end--) {
    swap(end, 0);
    sift(0, end);
  }
  return order;
}

function binarySearch(keys: readonly string[], order: Uint32Array, key: string): number | undefined {
  let low = 0;
  let high = order.length - 1;
  while (low <= high) {
    const middle = low + ((high - low) >> 1);
    const found = keys[order[middle]];
    if (found === key) return order[middle];
    if (found < key) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
