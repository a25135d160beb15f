import type { AbortCheck } from '../../../core/abort';
import { joinChunks } from '../../../core/byteChunks';
import type { QuantizedModuleDto, QuantizedWeightDto, QuantizeSpecDto } from '../../../protocol/quantizeDto';
import { readValues } from '../../loadModule';
import { findTensor, type Model } from '../../openModel';
import { QuantizedModules } from '../quantizedModules';

/** The weights of a model while its graph is written: float values, int8 codes and their scales. */
export class WeightSource {
  private readonly quantized: ReadonlyMap<string, QuantizedWeightDto>;
  private readonly modules: QuantizedModules | undefined;

  constructor(
    private readonly model: Model,
    spec: QuantizeSpecDto | null,
    modules: readonly QuantizedModuleDto[],
    private readonly abort: AbortCheck,
  ) {
    this.modules = spec === null ? undefined : new QuantizedModules(model, spec.engine, modules, abort);
    this.quantized = new Map(
      modules.flatMap(({ path, weights }) =>
        weights.map((weight): [string, QuantizedWeightDto] => [joinPath(path, weight.name), weight]),
      ),
    );
  }

  has(name: string): boolean {
    return this.model.tensors.has(name);
  }

  shape(name: string): readonly number[] {
    return findTensor(this.model, name).shape;
  }

  floats(name: string): Promise<Float32Array> {
    return readValues(this.model, findTensor(this.model, name), this.abort);
  }

  /** How a weight was quantized; undefined for one that stays float32. */
  quantization(path: string, weight: string): QuantizedWeightDto | undefined {
    return this.quantized.get(joinPath(path, weight));
  }

  async codes(path: string, weight: string): Promise<Int8Array> {
    if (this.modules === undefined) throw new Error(`${joinPath(path, weight)} is not quantized`);
    const bytes = await joinChunks(this.modules.codes(path, weight));
    return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

export function joinPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
