import { createHash } from 'node:crypto';
import type { AbortCheck } from '../core/abort';
import { QuantscopeError } from '../core/errors';
import { selectKernels } from '../engine/kernels/dispatch';
import { tileLength } from '../engine/kernels/streamKernels';
import { addErrorSums, type ErrorSums, errorMetrics, errorParts } from '../engine/quantization/errorMetrics';
import { type QConfigName, weightForms } from '../engine/quantization/qconfigs';
import { dequantizeTile, quantizeTile } from '../engine/quantization/weightTiles';
import type { QuantizedWeightDto } from '../protocol/quantizeDto';
import { engineClass, readValues } from './loadModule';
import { type ModuleNode, ownName } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import type { Replacement } from './quantizedFile';
import { observed, streamed, type ValueTiles } from './tensorTiles';
import type { TwinReport } from './twinReport';

/** A Linear up to here is loaded whole: the weight, its codes and what they stand for are held at once. */
const heldBytes = 16 * 1024 * 1024;

/** A Linear whose weight is too large to hold; it is read in tiles, as often as it is needed. */
export interface StreamedLinear {
  readonly scheme: 'per_tensor' | 'per_channel';
  readonly weight: ModelTensor;
  readonly bias: ModelTensor | undefined;
  readonly source: ValueTiles;
  /** Values that share a scale. */
  readonly channelLength: number;
}

/** Undefined for a module that is loaded whole: a small one, another type, another form than int8. */
export function streamedLinear(
  model: Model,
  node: ModuleNode<ModelTensor>,
  qconfig: QConfigName,
  abort: AbortCheck,
  onBytes: (bytes: number) => void = () => {},
): StreamedLinear | undefined {
  const form = weightForms[qconfig];
  if (form.kind !== 'int8' || engineClass(node) !== 'Linear' || node.children.length > 0) return undefined;
  const own = (name: string) => node.tensors.find((tensor) => ownName(tensor.name, node.path) === name);
  const weight = own('weight');
  if (weight?.shape.length !== 2 || weight.record.quantization !== undefined) return undefined;
  if (weight.bytes <= heldBytes) return undefined;
  const source = streamed(model, weight, abort, onBytes);
  const channelLength = form.scheme === 'per_channel' ? weight.shape[1] : weight.numel;
  return source && { scheme: form.scheme, weight, bias: own('bias'), source, channelLength };
}

/** What is known of a weight's codes before they are made. */
type Described = Omit<QuantizedWeightDto, keyof ReturnType<typeof errorMetrics> | 'int8Sha256'>;

/** Digest and errors of a weight's codes, which whoever makes them shows once, in order. */
export class CodeMeter {
  private readonly hash = createHash('sha256');
  private readonly parts: ErrorSums[] = [];
  private start = 0;

  constructor(private readonly linear: StreamedLinear) {}

  /** The codes of a tile of values; `restored` has room for as many floats. */
  add(tile: Float32Array, codes: Int8Array, scales: ArrayLike<number>, restored: Float32Array): void {
    this.hash.update(codes);
    this.parts.push(
      ...errorParts(tile, dequantizeTile(codes, this.start, scales, this.linear.channelLength, restored)),
    );
    this.start += tile.length;
  }

  /** Codes are shown once. */
  get begun(): boolean {
    return this.start > 0;
  }

  /** All of them were shown. */
  get complete(): boolean {
    return this.start === this.linear.source.count;
  }

  /** What was shown so far; before that, a report without digest and errors. */
  report(described: Described): TwinReport {
    const sums = addErrorSums(this.parts);
    const measured = this.complete
      ? { int8Sha256: this.hash.copy().digest('hex'), ...errorMetrics(sums) }
      : { int8Sha256: '', sqnrDb: Number.NaN, rmse: Number.NaN, maxAbsError: Number.NaN };
    return { weights: [{ ...described, ...measured }], sums };
  }
}

/** What twinReport tells of a module that is loaded, in two passes: the scales, then codes and errors. */
export async function streamedReport(linear: StreamedLinear): Promise<TwinReport> {
  return measuredReport(linear, await describeStreamed(linear));
}

/** The first of the two: what a file says before its codes. */
export async function describeStreamed(linear: StreamedLinear): Promise<Described> {
  const { scheme } = linear;
  const scales = [...(await chooseScales(linear))];
  const zeroPoints = new Array<number>(scales.length).fill(0);
  return { name: 'weight', scheme, axis: scheme === 'per_channel' ? 0 : null, scales, zeroPoints };
}

/** The second. */
export async function measuredReport(linear: StreamedLinear, described: Described): Promise<TwinReport> {
  const { source, channelLength } = linear;
  const { scales } = described;
  const meter = new CodeMeter(linear);
  let start = 0;
  const workspace = selectKernels().streams.workspace(5 * tileLength);
  try {
    for await (const tile of source.tiles()) {
      const { buffer, byteOffset } = workspace.bytes();
      const restored = new Float32Array(buffer, byteOffset, tile.length);
      const codes = new Int8Array(buffer, byteOffset + 4 * tileLength, tile.length);
      quantizeTile(tile, start, scales, channelLength, codes);
      meter.add(tile, codes, scales, restored);
      start += tile.length;
    }
  } finally {
    workspace.release();
  }
  return meter.report(described);
}

/** One scale, or one a channel; names the weight where a value cannot be quantized. */
export async function chooseScales({
  source,
  channelLength,
  weight,
}: Pick<StreamedLinear, 'source' | 'channelLength' | 'weight'>): Promise<Float64Array> {
  const observer = await observed(source, channelLength);
  try {
    return observer.scales();
  } catch (error) {
    if (!(error instanceof QuantscopeError)) throw error;
    throw new QuantscopeError({ ...error.details, where: { ...error.details.where, tensor: weight.name } });
  }
}

/** Codes that are handed on at once, each piece in memory of its own: one is written while the next is made. */
const pieceLength = 16 * tileLength;

/** The codes under scales that were chosen before, in pieces, each shown to the meter. */
export async function* streamedCodes(
  { source, channelLength }: Pick<StreamedLinear, 'source' | 'channelLength'>,
  scales: ArrayLike<number>,
  meter?: CodeMeter,
): AsyncIterable<Uint8Array> {
  let start = 0;
  let piece = new Int8Array(Math.min(pieceLength, source.count));
  let filled = 0;
  const workspace = meter && selectKernels().streams.workspace(4 * tileLength);
  try {
    for await (const tile of source.tiles()) {
      const codes = piece.subarray(filled, filled + tile.length);
      quantizeTile(tile, start, scales, channelLength, codes);
      if (workspace !== undefined) {
        const { buffer, byteOffset } = workspace.bytes();
        meter?.add(tile, codes, scales, new Float32Array(buffer, byteOffset, tile.length));
      }
      start += tile.length;
      filled += tile.length;
      if (filled < piece.length) continue;
      yield new Uint8Array(piece.buffer);
      piece = new Int8Array(Math.min(pieceLength, source.count - start));
      filled = 0;
    }
  } finally {
    workspace?.release();
  }
}

/** What stands in the state dict, without data: enough for the file's size. */
export function streamedReplacement({ scheme, weight, bias }: StreamedLinear, scales: readonly number[]): Replacement {
  const data = async () => new Uint8Array(0);
  const perChannel = scheme === 'per_channel';
  const product = {
    name: 'weight',
    weight: { dtype: 'qint8' as const, shape: weight.shape, scales, perChannel, data },
    bias: bias && { dtype: 'float32' as const, shape: bias.shape, data },
  };
  return { stored: 'linear', products: [product] };
}

/** The bias alone, in float32. */
export function streamedBias(
  model: Model,
  { bias }: StreamedLinear,
  abort: AbortCheck,
): Promise<Float32Array> | undefined {
  return bias && readValues(model, bias, abort);
}
