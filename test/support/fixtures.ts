import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { openFile } from '../../src/formats/registry';
import type { ModelFile } from '../../src/formats/types';

/** The PyTorch versions that wrote the fixtures. */
export type FixtureVersion = '1.13' | '2.13';

/** A tensor as PyTorch describes it. */
export interface ExpectedTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly zeros: number;
  /** SHA-256 of the contiguous little-endian bytes, in hex. */
  readonly sha256: string;
}

export interface ExpectedWeight {
  readonly scheme: 'per_tensor' | 'per_channel';
  readonly scale?: number;
  readonly zero_point?: number;
  readonly int_repr_sha256: string;
  readonly dtype: string;
}

/** The parts of *.expected.json that every fixture has. */
export interface Expected {
  readonly torch: string;
  readonly print_float: string;
  readonly tensors: Readonly<Record<string, ExpectedTensor>>;
  readonly tensors_checkpoint?: Readonly<Record<string, ExpectedTensor>>;
  readonly modules: Readonly<Record<string, string>>;
  readonly quantized: Readonly<
    Record<string, { readonly print: string; readonly weights: Readonly<Record<string, ExpectedWeight>> }>
  >;
}

/** A path in test/fixtures, from the sources and from the transpiled tests alike. */
export function fixturePath(...parts: string[]): string {
  return join(__dirname, '..', 'fixtures', ...parts);
}

export async function readFixture(...parts: string[]): Promise<Uint8Array> {
  return new Uint8Array(await readFile(fixturePath(...parts)));
}

export function expectedOf(version: FixtureVersion, name: string): Expected {
  return JSON.parse(readFileSync(fixturePath(`torch-${version}`, `${name}.expected.json`), 'utf8')) as Expected;
}

/** Opens bytes as the product does. */
export function openBytes(bytes: Uint8Array, name = 'model.pt'): Promise<ModelFile> {
  return openFile(bytesSource(bytes, name), neverAborted);
}
