import type { OnnxWeightType } from '../../../../engine/quantization/onnxWeights';
import { quantizeOnnxWeight } from '../../../../engine/quantization/onnxWeights';
import type { OnnxNode, OnnxTensor } from '../../../../formats/onnx/types';
import type { AttributeValue, CopiedMessage, InitializerData, NodeData } from '../../../../formats/onnx/write';

/** A value of the graph that has int8 or uint8 codes beside it, or instead of it. */
export interface QuantizedValue {
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint: string;
}

/** Lays codes out anew, and says their new shape. */
export interface Order {
  readonly shape: readonly number[];
  arrange(codes: Uint8Array): Uint8Array;
}

/** A constant that became codes; both lists are in the order of the constant's values. */
export interface QuantizedConstant {
  readonly name: string;
  readonly values: Float32Array;
  /** Bytes of int8 or uint8. */
  readonly codes: Uint8Array;
  readonly type: OnnxWeightType['type'];
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  /** Where there is a scale a channel: the axis of `shape` that they follow. */
  readonly channels?: { readonly shape: readonly number[]; readonly axis: number };
}

export interface RewriteOptions {
  readonly reduceRange: boolean;
  /** Told of every constant as it is quantized. */
  readonly onConstant?: (constant: QuantizedConstant) => void;
}

/** Reads a float32 or float16 initializer of the graph as float32. */
export type ReadWeight = (name: string) => Promise<Float32Array>;

/** Copies a message of the file, such as a node that stays as it is. */
export type Copy = (region: { readonly offset: number; readonly length: number }) => CopiedMessage;

/**
 * The graph while it is rewritten: nodes that stay are copied as they are, others are replaced by
 * their dynamically quantized form. Names follow onnxruntime's quantize_dynamic, so that people
 * find what they know: `x_quantized`, `W_scale`, `W_zero_point`.
 */
export class OnnxRewriter {
  readonly nodes: (NodeData | CopiedMessage)[] = [];
  readonly initializers: InitializerData[] = [];
  /** Values that were quantized, by the name of the float value. */
  private readonly quantized = new Map<string, QuantizedValue>();
  /** Float values that DequantizeLinear gives back already. */
  private readonly restored = new Set<string>();
  /** Names that the written nodes read. */
  private readonly used = new Set<string>();
  /** One scale a channel for the constants of the node that is written now. */
  perChannel = false;

  constructor(
    /** Float constants of the graph. */
    private readonly weights: ReadonlyMap<string, OnnxTensor>,
    private readonly readWeight: ReadWeight,
    private readonly copy: Copy,
    readonly options: RewriteOptions,
  ) {}

  /** An initializer of the graph that can be quantized; undefined for anything else. */
  weight(name: string): OnnxTensor | undefined {
    return this.weights.get(name);
  }

  isUsed(name: string): boolean {
    return this.used.has(name);
  }

  isQuantized(name: string): boolean {
    return this.quantized.has(name);
  }

  /** The codes of a value that Gather or Transpose passes on without touching them. */
  passOn(name: string, value: QuantizedValue): void {
    this.quantized.set(name, value);
  }

  add(
    opType: string,
    name: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = '',
  ): void {
    this.nodes.push({ name, opType, domain, inputs, outputs, attributes });
    for (const input of inputs) this.used.add(input);
  }

  /** A node that stays as it is: what it reads is made float again first. */
  keep(node: OnnxNode, innerNames: readonly string[]): void {
    for (const input of [...node.inputs, ...innerNames]) {
      this.restore(input);
      this.used.add(input);
    }
    this.nodes.push(this.copy(node.region));
  }

  /** Attributes of a node, as they are. */
  attributes(node: OnnxNode, without: readonly string[] = []): Record<string, AttributeValue> {
    const kept = node.attributes.filter(({ name }) => !without.includes(name));
    return Object.fromEntries(kept.map(({ name, region }) => [name, this.copy(region)]));
  }

  /** Makes a value float again where only its codes are there. */
  restore(name: string): void {
    const value = this.quantized.get(name);
    if (value === undefined || this.restored.has(name) || !this.onlyCodes.has(name)) return;
    this.restored.add(name);
    this.add('DequantizeLinear', `${name}_DequantizeLinear`, [value.codes, value.scale, value.zeroPoint], [name]);
  }

  /** Float values that no node gives any more: their codes are passed on instead. */
  private readonly onlyCodes = new Set<string>();

  codesOnly(name: string): void {
    this.onlyCodes.add(name);
  }

  /** Codes of an activation, chosen at every run. */
  activation(name: string): QuantizedValue {
    const known = this.quantized.get(name);
    if (known !== undefined) return known;
    const value = quantizedNames(name);
    this.add('DynamicQuantizeLinear', `${name}_QuantizeLinear`, [name], [value.codes, value.scale, value.zeroPoint]);
    this.quantized.set(name, value);
    return value;
  }

  /** An initializer as codes with one scale; int8 for weights, uint8 for tables that Gather reads. */
  async tensorWeight(name: string, type: OnnxWeightType, order?: Order): Promise<QuantizedValue> {
    const known = this.quantized.get(name);
    if (known !== undefined) return known;
    const values = await this.readWeight(name);
    const { codes, scale, zeroPoint } = quantizeOnnxWeight(values, type);
    this.options.onConstant?.({ name, values, codes, type: type.type, scales: [scale], zeroPoints: [zeroPoint] });
    const shape = order?.shape ?? dimsOf(this.weights.get(name));
    return this.define(name, type, shape, order?.arrange(codes) ?? codes, [], [scale], [zeroPoint]);
  }

  /**
   * An initializer as int8 codes with one scale a channel: `axis` of `shape`, which holds as many
   * values as the initializer.
   */
  async channelWeight(
    name: string,
    shape: readonly number[],
    axis: number,
    scaleShape: readonly number[],
    order?: Order,
  ): Promise<QuantizedValue> {
    const known = this.quantized.get(name);
    if (known !== undefined) return known;
    const type: OnnxWeightType = { type: 'int8', reduceRange: this.options.reduceRange };
    const values = await this.readWeight(name);
    const { codes, scales } = quantizeChannels(values, shape, axis, type);
    const zeros = new Array<number>(scales.length).fill(0);
    const channels = { shape, axis };
    this.options.onConstant?.({ name, values, codes, type: type.type, scales, zeroPoints: zeros, channels });
    const arranged = order === undefined ? codes : order.arrange(codes);
    return this.define(name, type, order?.shape ?? shape, arranged, scaleShape, scales, zeros);
  }

  private define(
    name: string,
    { type }: OnnxWeightType,
    shape: readonly number[],
    codes: Uint8Array,
    scaleShape: readonly number[],
    scales: readonly number[],
    zeroPoints: readonly number[],
  ): QuantizedValue {
    const value = quantizedNames(name);
    const bytes = new Uint8Array(Float32Array.from(scales).buffer);
    const points = Uint8Array.from(zeroPoints, (point) => point & 0xff);
    this.initializers.push(
      { name: value.scale, dtype: 'float32', shape: scaleShape, data: async () => bytes },
      { name: value.zeroPoint, dtype: type, shape: scaleShape, data: async () => points },
      { name: value.codes, dtype: type, shape, data: async () => codes },
    );
    this.quantized.set(name, value);
    return value;
  }
}

function quantizedNames(name: string): QuantizedValue {
  return { codes: `${name}_quantized`, scale: `${name}_scale`, zeroPoint: `${name}_zero_point` };
}

export function dimsOf(tensor: OnnxTensor | undefined): number[] {
  return (tensor?.dims ?? []).map(Number);
}

/** Every channel along `axis` by itself. */
function quantizeChannels(values: Float32Array, shape: readonly number[], axis: number, type: OnnxWeightType) {
  const channels = shape[axis];
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const outer = channels === 0 ? 0 : values.length / (channels * inner);
  const codes = new Uint8Array(values.length);
  const scales: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const own = new Float32Array(outer * inner);
    for (let o = 0; o < outer; o++)
      own.set(values.subarray((o * channels + channel) * inner, (o * channels + channel + 1) * inner), o * inner);
    const quantized = quantizeOnnxWeight(own, type);
    scales.push(quantized.scale);
    for (let o = 0; o < outer; o++)
      codes.set(quantized.codes.subarray(o * inner, (o + 1) * inner), (o * channels + channel) * inner);
  }
  return { codes, scales };
}
