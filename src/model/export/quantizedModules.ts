import type { AbortCheck } from '../../core/abort';
import { invalid } from '../../core/errors';
import type { DynamicModule } from '../../engine/nn/module';
import type { QuantizeSpecDto } from '../../protocol/dto';
import { loadModule } from '../loadModule';
import { findModule, type Model } from '../openModel';

/**
 * The quantized modules of an export, made when their records are written: one at a time, so that
 * memory follows the largest module. Records of one module stand together in every format.
 */
export class QuantizedModules {
  private last: { readonly path: string; readonly module: Promise<DynamicModule> } | undefined;

  constructor(
    private readonly model: Model,
    private readonly spec: QuantizeSpecDto,
    private readonly abort: AbortCheck,
  ) {}

  get(path: string): Promise<DynamicModule> {
    if (this.last?.path !== path) this.last = { path, module: this.load(path) };
    return this.last.module;
  }

  /** The int8 codes of one weight of a module, by the weight's own name. */
  async codes(path: string, weight: string): Promise<Uint8Array> {
    const { codes } = (await this.product(path, weight)).weight;
    return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);
  }

  /** The float32 bias of the product of that weight. */
  async bias(path: string, weight: string): Promise<Uint8Array> {
    const { bias } = await this.product(path, weight);
    if (bias === undefined) throw invalid('E_NO_PARAMETER', `${path}.${weight} has no bias.`);
    return new Uint8Array(bias.buffer, bias.byteOffset, bias.byteLength);
  }

  private async product(path: string, weight: string) {
    const product = (await this.get(path)).products.find(({ name }) => name === weight);
    if (product === undefined) throw invalid('E_NO_PARAMETER', `${path} has no quantized weight ${weight}.`);
    return product;
  }

  private async load(path: string): Promise<DynamicModule> {
    const float = await loadModule(this.model, findModule(this.model, path), this.abort);
    return float.toDynamic(path, this.spec.engine, this.spec.perChannel ? 'per_channel' : 'per_tensor');
  }
}
