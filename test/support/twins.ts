import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { QuantizedEngine } from '../../src/engine/quantization/engines';
import type { Tensor } from '../../src/engine/tensor/tensor';
import type { Model } from '../../src/model/openModel';
import { type FixtureVersion, fixturePath } from './fixtures';
import { modelFrom } from './models';
import type { PackedTensor } from './moduleCases';

/** What test/fixtures/twins/generate.py says of one set of modules. */
export interface TwinSet {
  /** print(model) before and after, and after quantize_dynamic without a spec. */
  readonly float: string;
  readonly print: string;
  readonly default: string;
  /** By module. */
  readonly inputs: Readonly<Record<string, readonly PackedTensor[]>>;
  /** By engine and module. */
  readonly outputs: Readonly<Record<string, Readonly<Record<string, readonly PackedTensor[]>>>>;
}

export function twinSets(version: FixtureVersion): Readonly<Record<string, TwinSet>> {
  return JSON.parse(readFileSync(fixturePath('twins', `twins.${version}.json`), 'utf8')).sets;
}

export type TwinForm = 'float.module' | 'module' | 'state';

export async function openTwin(set: string, version: FixtureVersion, form: TwinForm): Promise<Model> {
  const fileName = `${set}.${version}.${form}.pt`;
  return modelFrom(new Uint8Array(await readFile(fixturePath('twins', fileName))), fileName);
}

/** The arithmetic that an engine has in the PyTorch of this version. */
export function engineOf(engine: string, version: FixtureVersion): QuantizedEngine {
  if (engine === 'onednn') return version === '1.13' ? 'onednn2' : 'onednn';
  if (engine === 'qnnpack') return version === '1.13' ? 'qnnpack' : 'qnnpackX86';
  return 'fbgemm';
}

interface StoredState {
  input(tensor: Tensor, index: number): Tensor;
  output(tensor: Tensor): Tensor;
}

const same: StoredState = { input: (tensor) => tensor, output: (tensor) => tensor };

/**
 * How a module of the sets is run from a file of that form; undefined where a state dict does not
 * tell what it is: two layers or two directions, ReLU or tanh, a Linear or the pair with ReLU.
 * batch_first is not told either: the sequence goes in and out with the steps first.
 */
export function describeStoredState(form: TwinForm, set: string, path: string): StoredState | undefined {
  if (form !== 'state') return same;
  if (/^(|0|2|channels|rnn_cell|pair)$/.test(path)) return undefined;
  const batchFirst = set === 'products' && path === 'lstm';
  return batchFirst ? { input: (tensor, i) => (i === 0 ? swapped(tensor) : tensor), output: swapped } : same;
}

/** The first two of three dimensions exchanged. */
function swapped({ data, shape: [a, b, width] }: Tensor): Tensor {
  const out = new Float32Array(data.length);
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      const row = (data as Float32Array).subarray((i * b + j) * width, (i * b + j + 1) * width);
      out.set(row, (j * a + i) * width);
    }
  }
  return { dtype: 'float32', shape: [b, a, width], data: out };
}
