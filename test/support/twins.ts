import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import type { QuantizedEngine } from '../../src/engine/quantization/engines';
import type { Tensor } from '../../src/engine/tensor/tensor';
import { dynamicModules } from '../../src/model/loadPair';
import { loadTree } from '../../src/model/loadTree';
import { findModule, type Model } from '../../src/model/openModel';
import { storedTwins } from '../../src/model/storedTwin';
import { fixturePath } from './fixtures';
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

export function twinSets(version: string, folder = fixturePath('twins')): Readonly<Record<string, TwinSet>> {
  return JSON.parse(readFileSync(join(folder, `twins.${version}.json`), 'utf8')).sets;
}

export type TwinForm = 'float.module' | 'module' | 'state';

export async function openTwin(
  set: string,
  version: string,
  form: TwinForm,
  folder = fixturePath('twins'),
): Promise<Model> {
  const fileName = `${set}.${version}.${form}.pt`;
  return modelFrom(new Uint8Array(await readFile(join(folder, fileName))), fileName);
}

/** The arithmetic that an engine has in the PyTorch of this version. */
export function engineOf(engine: string, version: string): QuantizedEngine {
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

/** Runs a module of a file as the file holds it: with its own codes, in σ and tanh of PyTorch 1.13. */
export async function runStored(model: Model, path: string, engine: QuantizedEngine, inputs: readonly Tensor[]) {
  const node = path === '' ? model.root : findModule(model, path);
  const tree = await loadTree(model, node, neverAborted);
  const stored = new Map(storedTwins(node).map((each) => [each, 'default_dynamic' as const]));
  const module = tree.assemble(dynamicModules(tree, stored, engine));
  return module.forward(inputs, { kernels: selectKernels(), abort: neverAborted, activations: 'sleef' });
}

export function worst(actual: readonly Tensor[], expected: readonly Tensor[]): number {
  let largest = 0;
  for (const [i, { data, shape }] of expected.entries()) {
    assert.deepEqual(actual[i].shape, shape);
    for (let at = 0; at < data.length; at++)
      largest = Math.max(largest, Math.abs(Number(actual[i].data[at]) - Number(data[at])));
  }
  return largest;
}

/** σ and tanh are 1.13's to the bit; 2.13's come from MKL. Half precision sums in an order of its own. */
export function tolerance(set: string, path: string, version: string): number {
  if (set === 'halves') return 1e-6;
  return version === '2.13' && /lstm|gru|one|channels|cell/.test(path) ? 2.4e-7 : 0;
}
