import type { AbortCheck } from '../../core/abort';
import { invalid } from '../../core/errors';
import { dynamicTwin } from '../../engine/nn/dynamicTwin';
import type { DynamicModule } from '../../engine/nn/module';
import { widenHalf } from '../../engine/quantization/halfWeight';
import { packedCodes } from '../../engine/quantization/quantizeEmbedding';
import type { QuantizeSpecDto } from '../../protocol/dto';
import { loadLayer } from '../loadModule';
import { findModule, type Model } from '../openModel';
import { planQuantization } from '../quantizePlan';

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

  /** A weight in half precision: its patterns, or the float32 values that they stand for. */
  async half(path: string, weight: string, patterns: boolean): Promise<Uint8Array> {
    const half = (await this.get(path)).halves?.find(({ name }) => name === weight);
    if (half === undefined) throw invalid('E_NO_PARAMETER', `${path} has no weight ${weight} in half precision.`);
    const values = patterns ? half.patterns : widenHalf(half);
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }

  /** The packed codes of an embedding's table. */
  async tableCodes(path: string): Promise<Uint8Array> {
    const { table } = await this.get(path);
    if (table === undefined) throw invalid('E_NO_PARAMETER', `${path} has no quantized table.`);
    return packedCodes(table);
  }

  /** The float32 bias of the product of that weight. */
  async bias(path: string, weight: string): Promise<Uint8Array> {
    const half = (await this.get(path)).biases?.get(weight);
    const bias = half ?? (await this.product(path, weight)).bias;
    if (bias === undefined) throw invalid('E_NO_PARAMETER', `${path}.${weight} has no bias.`);
    return new Uint8Array(bias.buffer, bias.byteOffset, bias.byteLength);
  }

  private async product(path: string, weight: string) {
    const product = (await this.get(path)).products.find(({ name }) => name === weight);
    if (product === undefined) throw invalid('E_NO_PARAMETER', `${path} has no quantized weight ${weight}.`);
    return product;
  }

  private async load(path: string): Promise<DynamicModule> {
    const node = findModule(this.model, path);
    const float = await loadLayer(this.model, node, this.abort);
    const { qconfigs } = planQuantization(this.model.tree, this.spec);
    const twin = dynamicTwin(float, path, this.spec.engine, qconfigs.get(path) ?? 'default_dynamic');
    if (twin === undefined) throw invalid('E_NOT_QUANTIZABLE', `${path || node.type} is not quantized by this spec.`);
    return twin;
  }
}
