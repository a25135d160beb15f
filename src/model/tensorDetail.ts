import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import { forTiles } from '../engine/kernels/streamKernels';
import { gateNames } from '../engine/nn/recurrent';
import { addErrorSums, type ErrorSums, errorMetrics, errorParts } from '../engine/quantization/errorMetrics';
import { minMaxObserver, perChannelMinMaxObserver } from '../engine/quantization/observers';
import type { Scheme } from '../engine/quantization/quantizeWeight';
import { dequantizeTile, quantizeTile } from '../engine/quantization/weightTiles';
import { addToCodes, emptyCodeHistogram } from '../engine/stats/codeHistogram';
import { mergeStats, noStats, standardDeviation, sumStats } from '../engine/stats/tensorStats';
import type { SparklineDto } from '../protocol/rowsDto';
import type {
  TensorDetailDto,
  TensorDetailQueryDto,
  TensorQuantizationDto,
  TensorStatsDto,
} from '../protocol/tensorDto';
import { describeValues } from './describeValues';
import type { ModuleKind } from './moduleKind';
import { findTensor, type Model, type ModelTensor, ownerOf } from './openModel';
import { dequantize, describeStored, readCodes, storedQuantization } from './quantizedTensor';
import { isQuantizedWeight, staysFloat } from './quantizePlan';
import { inMemory, streamed } from './tensorTiles';

/** Statistics and histogram of one tensor, or of all; progress counts bytes. */
export async function tensorStats(
  model: Model,
  name: string | null,
  bins: number,
  abort: AbortCheck,
  progress: Progress,
): Promise<TensorStatsDto[]> {
  const tensors = name === null ? [...model.tensors.values()] : [findTensor(model, name)];
  const results: TensorStatsDto[] = [];
  const total = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const tensor of tensors) {
    progress(done, total, tensor.name);
    abort.throwIfAborted();
    const before = done;
    results.push(
      await streamStats(model, tensor, bins, abort, (bytes) => progress(before + bytes / 2, total, tensor.name)),
    );
    done += tensor.bytes;
  }
  return results;
}

/** Statistics of the values; of a tensor that the file holds quantized, its codes and scales too. */
async function readStats(model: Model, tensor: ModelTensor, bins: number, abort: AbortCheck) {
  const codes = await readCodes(model, tensor, abort);
  const stored = await storedQuantization(model, tensor.record, abort);
  const values = stored === undefined ? codes : dequantize(codes, tensor.shape, stored);
  const stats: TensorStatsDto = {
    ...(await describeValues(tensor, inMemory(values), bins)),
    stored: stored === undefined ? null : describeStored(stored, codes),
  };
  return { stats, values };
}

/** The same without the values: a large tensor is read twice, in tiles, instead of being held. */
async function streamStats(
  model: Model,
  tensor: ModelTensor,
  bins: number,
  abort: AbortCheck,
  onBytes: (bytes: number) => void,
): Promise<TensorStatsDto> {
  const source = tensor.record.quantization === undefined ? streamed(model, tensor, abort, onBytes) : undefined;
  if (source === undefined) return (await readStats(model, tensor, bins, abort)).stats;
  return { ...(await describeValues(tensor, source, bins)), stored: null };
}

/** The small histogram of a row. */
export async function sparkline(model: Model, name: string, bins: number, abort: AbortCheck): Promise<SparklineDto> {
  const { min, max, mean, std, histogram } = await streamStats(model, findTensor(model, name), bins, abort, () => {});
  return { name, min, max, mean, std, counts: histogram.counts };
}

/** One tensor in full: its values, and what int8 does or would do to them. */
export async function tensorDetail(
  model: Model,
  { name, scheme, bins }: TensorDetailQueryDto,
  abort: AbortCheck,
): Promise<TensorDetailDto> {
  const tensor = findTensor(model, name);
  const owner = ownerOf(model, name);
  const { stats, values } = await readStats(model, tensor, bins, abort);
  const stays = tensor.record.quantization === undefined ? staysReason(tensor, owner?.kind) : 'it is quantized already';
  const sound = stays === '' && stats.nan === 0 && stats.inf === 0;
  return {
    ...stats,
    module: owner?.path ?? '',
    moduleType: owner?.type ?? '',
    bytes: tensor.bytes,
    quantization: sound ? quantizationOf(tensor, values, scheme, owner?.kind) : null,
    stays: stays === '' && !sound ? 'it contains NaN or infinity' : stays,
  };
}

function staysReason(tensor: ModelTensor, kind: ModuleKind | undefined): string {
  if (kind === undefined) return 'its module has no type that quantize_dynamic knows';
  const reason = staysFloat(kind);
  if (reason !== undefined) return `${kind.type}: ${reason}`;
  return isQuantizedWeight(tensor.name) ? '' : 'biases stay float32';
}

function quantizationOf(
  tensor: ModelTensor,
  values: Float32Array,
  scheme: Scheme,
  kind: ModuleKind | undefined,
): TensorQuantizationDto {
  const [rows, columns] = tensor.shape;
  const perTensorScale = minMaxObserver(values);
  const perTensor = scheme === 'per_tensor';
  const scales = perTensor ? Float64Array.of(perTensorScale) : perChannelMinMaxObserver(values, rows);
  const channelLength = perTensor ? values.length : columns;
  const counted = emptyCodeHistogram();
  const errors: ErrorSums[] = [];
  let after = noStats;
  forTiles(values.length, (start, end) => {
    const tile = values.subarray(start, end);
    const codes = quantizeTile(tile, start, scales, channelLength);
    const restored = dequantizeTile(codes, start, scales, channelLength);
    addToCodes(counted, tile, codes, start, scales, channelLength);
    errors.push(...errorParts(tile, restored));
    after = mergeStats(after, sumStats(restored));
  });
  const { floatEighths, codes } = counted;
  const dequantized = {
    min: after.min,
    max: after.max,
    mean: after.mean,
    std: standardDeviation(after),
    zeros: after.zeros,
  };
  return {
    scheme,
    axis: perTensor ? null : 0,
    scales: [...scales],
    zeroPoint: 0,
    perTensorScale,
    formula: perTensor ? 'max |w| ÷ 127.5' : 'max |w| of each row ÷ 127.5',
    gates: kind?.type === 'LSTM' || kind?.type === 'GRU' ? gateNames[kind.type] : [],
    floatEighths: [...floatEighths],
    codes: [...codes],
    dequantized,
    ...errorMetrics(addErrorSums(errors)),
    codesUsed: codes.reduce((used, count) => used + (count > 0 ? 1 : 0), 0),
    atLimits: codes[0] + codes[255],
  };
}
