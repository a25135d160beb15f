import assert from 'node:assert/strict';
import { QuantscopeError } from '../../src/core/errors';
import { sparseSource } from './sparseSource';

/**
 * Every limit that a file can meet, at the limit and one beyond it. `at` and `beyond` are codes:
 * where a file at the limit ends with one, it is that of what comes after the check.
 */
export interface Limit {
  readonly what: string;
  readonly most: number;
  /** Does with a file of this much what the product does. */
  readonly read: (amount: number) => unknown;
  readonly at: string;
  readonly beyond: string;
}

/** What reading ends with: the code of the error, or the codes of the warnings, or "read". */
export async function outcome(read: () => unknown): Promise<string> {
  try {
    const result = await read();
    if (typeof result === 'string') return result;
    const warnings = (result as { readonly warnings?: readonly { readonly code: string }[] } | undefined)?.warnings;
    return warnings?.map(({ code }) => code).join() || 'read';
  } catch (error) {
    if (error instanceof QuantscopeError) return error.code;
    throw error;
  }
}

/** A file of these bytes and then zeros. */
export const startsWith = (bytes: Uint8Array, size: number, name?: string) =>
  sparseSource([{ at: 0, bytes }], size, name);

export const GiB = 2 ** 30;
export const MiB = 2 ** 20;

export const ones = (count: number) => Array<number>(count).fill(1);

/** A test for each limit. */
export function testLimits(limits: readonly Limit[]): void {
  for (const { what, most, read, at, beyond } of limits) {
    it(`${most} ${what}: ${at}; one more: ${beyond}`, async () => {
      assert.equal(await outcome(() => read(most)), at);
      assert.equal(await outcome(() => read(most + 1)), beyond);
    });
  }
}
