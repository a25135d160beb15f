import { createHash } from 'node:crypto';
import type { AbortCheck } from '../core/abort';
import { QuantscopeError } from '../core/errors';
import { selectKernels } from '../engine/kernels/dispatch';
import { tileLength } from '../engine/kernels/streamKernels';
import { addErrorSums, type ErrorSums, errorMetrics, errorParts } from '../engine/quantization/errorMetrics';
import { type QConfigName, weightForms } from '../engine/quantization/qconfigs';
import { dequantizeTile, quantizeTile } from '../engine/quantization/weightTiles';
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

/** What twinReport tells of a module that is loaded, in two passes: the scales, then codes and errors. */
export async function streamedReport(linear: StreamedLinear): Promise<TwinReport> {
  const { scheme, source, channelLength } = linear;
  const scales = await chooseScales(linear);
  const hash = createHash('sha256');
  const parts: ErrorSums[] = [];
  let start = 0;
  const workspace = selectKernels().streams.workspace(5 * tileLength);
  try {
    for await (const tile of source.tiles()) {
      const { buffer, byteOffset } = workspace.bytes();
      const restored = new Float32Array(buffer, byteOffset, tile.length);
      const codes = new Int8Array(buffer, byteOffset + 4 * tileLength, tile.length);
      quantizeTile(tile, start, scales, channelLength, codes);
      hash.update(codes);
      parts.push(...errorParts(tile, dequantizeTile(codes, start, scales, channelLength, restored)));
      start += tile.length;
    }
  } finally {
    workspace.release();
  }
  const sums = addErrorSums(parts);
  const weight = {
    name: 'weight',
    scheme,
    axis: scheme === 'per_channel' ? (0 as const) : null,
    scales: [...scales],
    zeroPoints: new Array<number>(scales.length).fill(0),
    int8Sha256: hash.digest('hex'),
    ...errorMetrics(sums),
  };
  return { weights: [weight], sums: addErrorSums([sums]) };
}

async function chooseScales({ source, channelLength, weight }: StreamedLinear): Promise<Float64Array> {
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

/** The codes under scales that were chosen before, in pieces. */
export async function* streamedCodes(
  { source, channelLength }: Pick<StreamedLinear, 'source' | 'channelLength'>,
  scales: ArrayLike<number>,
): AsyncIterable<Uint8Array> {
  let start = 0;
  let piece = new Int8Array(Math.min(pieceLength, source.count));
  let filled = 0;
  for await (const tile of source.tiles()) {
    quantizeTile(tile, start, scales, channelLength, piece.subarray(filled, filled + tile.length));
    start += tile.length;
    filled += tile.length;
    if (filled < piece.length) continue;
    yield new Uint8Array(piece.buffer);
    piece = new Int8Array(Math.min(pieceLength, source.count - start));
    filled = 0;
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
