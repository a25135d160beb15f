import { malformed } from '../../core/errors';
import { quotedName } from '../../core/text';
import { maxInflateRatio } from './limits';
import type { ZipEntry } from './types';

interface Warning {
  readonly code: string;
  readonly message: string;
}

/** Where the directory of an archive stands, as its end records tell. */
export interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
  /** Where the end records start. */
  readonly end: number;
  /** Where end records stand, the one that counts first. */
  readonly ends: readonly number[];
  /** Where the archive ends. */
  readonly archiveEnd: number;
  readonly warnings: readonly Warning[];
}

/** A zip64 end record and its locator, which stand there even when they are ignored. */
const zip64Records = 76;

/** What several readers would read differently is said; what cannot be true is refused. */
export function checkEntries(entries: readonly ZipEntry[], directory: Directory, fileSize: number): Warning[] {
  const warnings: Warning[] = [];
  for (const { name, headerOffset, compressedSize } of entries) {
    if (headerOffset + 30 + compressedSize > directory.offset) {
      throw malformed('E_ZIP_ENTRY_RANGE', `The archive’s entry ${quotedName(name)} runs past the data.`, {
        where: { entry: name, offset: Math.min(headerOffset, fileSize) },
        found: `${compressedSize} bytes at ${headerOffset}`,
        expected: `an end before byte ${directory.offset}`,
      });
    }
  }
  checkNames(entries, warnings);
  checkOverlaps(entries, warnings, directory.offset);
  const gap = directory.end - directory.offset - directory.size;
  if (gap > zip64Records) {
    warnings.push({
      code: 'E_ZIP_GAP',
      message: `${gap} bytes stand between the archive’s directory and its end record; two archives may have been joined, and tools disagree which one counts.`,
    });
  }
  const trailing = fileSize - directory.archiveEnd;
  if (trailing > 0) {
    warnings.push({
      code: 'E_ZIP_TRAILING',
      message: `${trailing} bytes follow the archive, from byte ${directory.archiveEnd} on.`,
    });
  }
  return [...directory.warnings, ...warnings];
}

function checkNames(entries: readonly ZipEntry[], warnings: Warning[]): void {
  const seen = new Map<string, ZipEntry>();
  for (const entry of entries) {
    const { name, headerOffset } = entry;
    const folded = name.toLowerCase();
    const other = seen.get(folded);
    if (other?.name === name) {
      warnings.push({
        code: 'E_ZIP_DUP_NAME',
        message: `Two entries are named ${quotedName(name)}, at byte ${other.headerOffset} and at byte ${headerOffset}; tools disagree which one counts.`,
      });
    } else if (other !== undefined) {
      warnings.push({
        code: 'E_ZIP_NAME_CASE',
        message: `The names ${quotedName(other.name)} and ${quotedName(name)} differ only in case, which PyTorch ignores.`,
      });
    } else seen.set(folded, entry);
    const odd = oddName(name);
    if (odd !== undefined) {
      warnings.push({
        code: 'E_ZIP_NAME',
        message: `The entry ${quotedName(name)} ${odd}; it is never used as a path.`,
      });
    }
  }
}

/** Names with which unpacking tools have been led astray. */
function oddName(name: string): string | undefined {
  if (/(^|[/\\])\.\.([/\\]|$)/.test(name)) return 'leads out of its folder';
  if (/^([/\\]|[a-zA-Z]:)/.test(name)) return 'is an absolute path';
  if (/[\p{Cc}\u202a-\u202e\u2066-\u2069\ufffd]/u.test(name)) return 'has characters that do not show';
  if (name.length > 1_000) return `has a name of ${name.length} characters`;
  return undefined;
}

/** Entries whose bytes overlap: one header for two names, or the layers of a zip bomb. */
function checkOverlaps(entries: readonly ZipEntry[], warnings: Warning[], directoryOffset: number): void {
  const order = [...entries].sort((a, b) => a.headerOffset - b.headerOffset);
  let covered = 0;
  let whose: ZipEntry | undefined;
  const before = warnings.length;
  for (const entry of order) {
    const end = entry.headerOffset + 30 + entry.compressedSize;
    if (whose !== undefined && entry.headerOffset < covered) {
      warnings.push({
        code: 'E_ZIP_OVERLAP',
        message: `The entries ${quotedName(whose.name)} and ${quotedName(entry.name)} share bytes ${entry.headerOffset} to ${Math.min(covered, end)}.`,
      });
    }
    if (end > covered) {
      covered = end;
      whose = entry;
    }
  }
  if (warnings.length > before) refuseBomb(entries, covered, directoryOffset);
}

/**
 * Bytes that are counted once cannot inflate beyond deflate's own ratio; entries that overlap can,
 * which is how 42 KB become 5 GB. Source: D. Fifield, A better zip bomb, 2019.
 */
function refuseBomb(entries: readonly ZipEntry[], covered: number, directoryOffset: number): void {
  const inflated = entries.reduce((sum, { size }) => sum + size, 0);
  if (inflated <= covered * maxInflateRatio) return;
  throw malformed('E_ZIP_BOMB', 'The archive’s entries share their bytes to become more than they can hold.', {
    where: { offset: directoryOffset, field: 'central directory' },
    found: `${inflated} bytes from ${covered}`,
    expected: `at most ${covered * maxInflateRatio}`,
    hint: 'This is how a zip bomb is made; do not unpack this file with other tools.',
  });
}
