import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { QuantizedEngine } from '../../src/engine/quantization/engines';
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
