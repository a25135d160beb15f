import type { AbortCheck } from '../../core/abort';
import { invalid } from '../../core/errors';
import { dynamicTwin } from '../../engine/nn/dynamicTwin';
import type { DynamicModule } from '../../engine/nn/module';
import { widenHalf } from '../../engine/quantization/halfWeight';
import { packedCodes } from '../../engine/quantization/quantizeEmbedding';
import type { EngineName } from '../../protocol/dto';
import type { QuantizedModuleDto } from '../../protocol/quantizeDto';
import { loadLayer } from '../loadModule';
import { findModule, type Model } from '../openModel';
import { type CodeMeter, type StreamedLinear, streamedBias, streamedCodes, streamedLinear } from '../streamedLinear';

/**
 * The quantized modules of an export, made when their records are written: one at a time, so that
 * memory follows the largest module; a large Linear is made in tiles. Records of one module stand
 * together in every format.
 */
export class QuantizedModules {
  private readonly reports: ReadonlyMap<string, QuantizedModuleDto>;
  private last: { readonly path: string; readonly module: Promise<DynamicModule> } | undefined;

  /** `modules` are what quantizeModel said of them. */
  constructor(
    private readonly model: Model,
    private readonly engine: EngineName,
    modules: readonly QuantizedModuleDto[],
    private readonly abort: AbortCheck,
    /** Who wants to see the codes of a large weight once, by module. */
    private readonly meters: ReadonlyMap<string, CodeMeter> = new Map(),
  ) {
    this.reports = new Map(modules.map((module) => [module.path, module]));
  }

  get(path: string): Promise<DynamicModule> {
    if (this.last?.path !== path) this.last = { path, module: this.load(path) };
    return this.last.module;
  }

  /** The int8 codes of one weight of a module, by the weight's own name; large ones in pieces. */
  async *codes(path: string, weight: string): AsyncIterable<Uint8Array> {
    const large = this.streamed(path);
    if (large !== undefined) {
      const meter = this.meters.get(path);
      yield* streamedCodes(large, this.report(path).weights[0].scales, meter?.begun === false ? meter : undefined);
      return;
    }
    const { codes } = (await this.product(path, weight)).weight;
    yield new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);
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
    const large = this.streamed(path);
    const bias =
      large === undefined ? await this.heldBias(path, weight) : await streamedBias(this.model, large, this.abort);
    if (bias === undefined) throw invalid('E_NO_PARAMETER', `${path}.${weight} has no bias.`);
    return new Uint8Array(bias.buffer, bias.byteOffset, bias.byteLength);
  }

  private async product(path: string, weight: string) {
    const product = (await this.get(path)).products.find(({ name }) => name === weight);
    if (product === undefined) throw invalid('E_NO_PARAMETER', `${path} has no quantized weight ${weight}.`);
    return product;
  }

  private async heldBias(path: string, weight: string): Promise<Float32Array | undefined> {
    const half = (await this.get(path)).biases?.get(weight);
    return half ?? (await this.product(path, weight)).bias;
  }

  private report(path: string): QuantizedModuleDto {
    const report = this.reports.get(path);
    if (report !== undefined) return report;
    throw invalid('E_NOT_QUANTIZABLE', `${path || 'The root'} is not quantized by this spec.`);
  }

  private streamed(path: string): StreamedLinear | undefined {
    return streamedLinear(this.model, findModule(this.model, path), this.report(path).qconfig, this.abort);
  }

  private async load(path: string): Promise<DynamicModule> {
    const { qconfig } = this.report(path);
    const float = await loadLayer(this.model, findModule(this.model, path), this.abort);
    const twin = dynamicTwin(float, path, this.engine, qconfig);
    if (twin === undefined) throw invalid('E_NOT_QUANTIZABLE', `${path || 'The root'} does not take ${qconfig}.`);
    return twin;
  }
}
