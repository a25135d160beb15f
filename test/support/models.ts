import { readFile } from 'node:fs/promises';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { noProgress } from '../../src/core/progress';
import { type Model, openModel } from '../../src/model/openModel';
import { quantizeModel } from '../../src/model/quantizeModel';
import type { QuantizeReportDto, QuantizeSpecDto } from '../../src/protocol/quantizeDto';
import { type FixtureVersion, fixturePath } from './fixtures';

export const fixtureVersions: readonly FixtureVersion[] = ['1.13', '2.13'];

/** A fixture opened as a model, from memory. */
export async function openFixtureModel(version: FixtureVersion, fileName: string): Promise<Model> {
  const bytes = new Uint8Array(await readFile(fixturePath(`torch-${version}`, fileName)));
  return openModel(bytesSource(bytes, fileName), neverAborted);
}

/** A graph of test/fixtures/onnxRuntime, or by its path below test/fixtures, without the suffix. */
export async function openGraphModel(name: string): Promise<Model> {
  const fileName = `${name.split('/').at(-1)}.onnx`;
  const bytes = await readFile(fixturePath(...(name.includes('/') ? [] : ['onnxRuntime']), `${name}.onnx`));
  return openModel(bytesSource(new Uint8Array(bytes), fileName), neverAborted);
}

/** PyTorch's default spec, with changes. */
export function spec(changes: Partial<QuantizeSpecDto> = {}): QuantizeSpecDto {
  return { engine: 'fbgemm', dtype: 'qint8', perChannel: false, modules: null, exclude: [], ...changes };
}

export function quantized(model: Model, changes: Partial<QuantizeSpecDto> = {}): Promise<QuantizeReportDto> {
  return quantizeModel(model, spec(changes), neverAborted, noProgress);
}

/** A model from bytes of any format. */
export function modelFrom(bytes: Uint8Array, fileName: string): Promise<Model> {
  return openModel(bytesSource(bytes, fileName), neverAborted);
}
