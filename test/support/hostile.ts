import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { type ErrorDetails, QuantscopeError } from '../../src/core/errors';
import type { ModelFile } from '../../src/formats/types';
import { openBytes } from './fixtures';

/** The error that opening these bytes ends with; any other kind of error fails the test. */
export async function rejection(bytes: Uint8Array, name = 'model.pt'): Promise<ErrorDetails> {
  return refusal(openBytes(bytes, name));
}

/** The error that a promise ends with. */
export async function refusal(promise: Promise<unknown>): Promise<ErrorDetails> {
  try {
    await promise;
  } catch (error) {
    return detailsOf(error);
  }
  return assert.fail('nothing was refused');
}

/** The codes of what was told when the file was opened. */
export function codesOf({ warnings }: ModelFile): string[] {
  return warnings.map(({ code }) => code);
}

/** The error that reading a tensor ends with. */
export async function tensorRejection(file: ModelFile, name: string): Promise<ErrorDetails> {
  const found = file.tensors.find((tensor) => tensor.name === name);
  assert.ok(found, `${name} is not listed`);
  return refusal(file.readTensor(found.tensor, neverAborted));
}

/** Opens a file and reads every tensor; returns the codes of what was refused. */
export async function exercise(bytes: Uint8Array, name?: string): Promise<string[]> {
  const codes: string[] = [];
  let file: ModelFile;
  try {
    file = await openBytes(bytes, name);
  } catch (error) {
    return [detailsOf(error).code];
  }
  for (const { tensor } of file.tensors) {
    try {
      await file.readTensor(tensor, neverAborted);
    } catch (error) {
      codes.push(detailsOf(error).code);
    }
  }
  return codes;
}

/** Every refusal has the one type, a code, a sentence and a place that can be. */
function detailsOf(error: unknown): ErrorDetails {
  if (!(error instanceof QuantscopeError)) throw error;
  const { details } = error;
  assert.match(details.code, /^E_[A-Z0-9_]+$/);
  assert.ok(details.message.length > 10 && details.message.length < 1000, details.message);
  const offset = details.where?.offset;
  assert.ok(offset === undefined || (Number.isSafeInteger(offset) && offset >= 0), `offset ${offset}`);
  return details;
}
