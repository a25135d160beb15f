import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import { selectKernels } from '../engine/kernels/dispatch';
import { eighthBins, tileLength } from '../engine/kernels/streamKernels';
import { gateNames } from '../engine/nn/recurrent';
import { addErrorSums, type ErrorSums, errorMetrics, errorParts } from '../engine/quantization/errorMetrics';
import { symmetricScale } from '../engine/quantization/qparams';
import type { Scheme } from '../engine/quantization/quantizeWeight';
import { mergeStats, noStats, standardDeviation, sumStats } from '../engine/stats/tensorStats';
import type { SparklineDto } from '../protocol/rowsDto';
import type {
  StatsReportDto,
  StoredQuantizationDto,
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
import { inMemory, observed, streamed, type ValueTiles } from './tensorTiles';

/** Statistics and histogram of one tensor, or of all; progress counts bytes. */
export async function tensorStats(
  model: Model,
  name: string | null,
  bins: number,
  abort: AbortCheck,
  progress: Progress,
): Promise<TensorStatsDto[]> {
  const readable = ({ record }: ModelTensor) => record.problem === undefined;
  const tensors = name === null ? [...model.tensors.values()].filter(readable) : [findTensor(model, name)];
  const results: TensorStatsDto[] = [];
  const total = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const tensor of tensors) {
    progress(done, total, tensor.name, 'bytes');
    abort.throwIfAborted();
    const before = done;
    const source = await sourceOf(model, tensor, abort, (bytes) =>
      progress(before + bytes / 2, total, tensor.name, 'bytes'),
    );
    results.push(await describe(tensor, source, bins));
    done += tensor.bytes;
  }
  return results;
}

/** Tensors whose values the file does not have, or not in a form that is decoded. */
export function unreadableTensors(model: Model): StatsReportDto['unreadable'] {
  return [...model.tensors.values()].flatMap(({ name, record: { problem } }) =>
    problem === undefined ? [] : [{ name, code: problem.code, message: problem.message }],
  );
}

/** A tensor's values, from the file tile by tile where its format can do that. */
interface Source {
  readonly tiles: ValueTiles;
  readonly stored: StoredQuantizationDto | null;
}

/** Of a tensor that the file holds quantized, the dequantized values, and its codes and scales. */
async function sourceOf(
  model: Model,
  tensor: ModelTensor,
  abort: AbortCheck,
  onBytes: (bytes: number) => void = () => {},
): Promise<Source> {
  const tiles = tensor.record.quantization === undefined ? streamed(model, tensor, abort, onBytes) : undefined;
  if (tiles !== undefined) return { tiles, stored: null };
  const codes = await readCodes(model, tensor, abort);
  const stored = await storedQuantization(model, tensor.record, abort);
  if (stored === undefined) return { tiles: inMemory(codes), stored: null };
  const values = dequantize(codes, tensor.shape, stored);
  return { tiles: inMemory(values), stored: describeStored(stored, codes) };
}

async function describe(tensor: ModelTensor, { tiles, stored }: Source, bins: number): Promise<TensorStatsDto> {
  return { ...(await describeValues(tensor, tiles, bins)), stored };
}

/** The small histogram of a row. */
export async function sparkline(model: Model, name: string, bins: number, abort: AbortCheck): Promise<SparklineDto> {
  const tensor = findTensor(model, name);
  const source = await sourceOf(model, tensor, abort);
  const { min, max, mean, std, histogram } = await describe(tensor, source, bins);
  return { name, min, max, mean, std, counts: histogram.counts };
}

/** The statistics that were made last: a view asks for them first, and then for the rest. */
const described = new WeakMap<Model, { readonly key: string; readonly stats: TensorStatsDto }>();

/** One tensor in full: its values, and what int8 does or would do to them. */
export async function tensorDetail(
  model: Model,
  { name, scheme, bins, only }: TensorDetailQueryDto,
  abort: AbortCheck,
): Promise<TensorDetailDto> {
  const tensor = findTensor(model, name);
  const owner = ownerOf(model, name);
  const source = await sourceOf(model, tensor, abort);
  const key = `${bins} ${name}`;
  const known = described.get(model);
  const stats = known?.key === key ? known.stats : await describe(tensor, source, bins);
  described.set(model, { key, stats });
  const stays = source.stored === null ? staysReason(tensor, owner?.kind) : 'it is quantized already';
  const sound = stays === '' && stats.nan === 0 && stats.inf === 0;
  const isWanted = sound && only !== 'values';
  return {
    ...stats,
    module: owner?.path ?? '',
    moduleType: owner?.type ?? '',
    bytes: tensor.bytes,
    quantization: isWanted ? await quantizationOf(tensor, stats, source.tiles, scheme, owner?.kind) : null,
    stays: stays === '' && !sound ? 'it contains NaN or infinity' : stays,
  };
}

/** Why int8 would not take a tensor of a module of this kind; empty where it does. */
export function staysReason(tensor: ModelTensor, kind: ModuleKind | undefined): string {
  if (kind === undefined) return 'its module has no type that quantize_dynamic knows';
  const reason = staysFloat(kind);
  if (reason !== undefined) return `${kind.type}: ${reason}`;
  return isQuantizedWeight(tensor.name) ? '' : 'biases stay float32';
}

async function quantizationOf(
  tensor: ModelTensor,
  { count, min, max }: TensorStatsDto,
  source: ValueTiles,
  scheme: Scheme,
  kind: ModuleKind | undefined,
): Promise<TensorQuantizationDto> {
  const { streams } = selectKernels();
  const perTensorScale = count === 0 ? 1 : symmetricScale(min, max);
  const perTensor = scheme === 'per_tensor';
  const channelLength = perTensor ? count : tensor.shape[1];
  const scales = perTensor ? Float64Array.of(perTensorScale) : (await observed(source, channelLength)).scales();
  const eighths = new Uint32Array(eighthBins);
  const errors: ErrorSums[] = [];
  let after = noStats;
  let start = 0;
  const workspace = streams.workspace(4 * tileLength);
  try {
    for await (const tile of source.tiles()) {
      const bytes = workspace.bytes();
      const restored = new Float32Array(bytes.buffer, bytes.byteOffset, tile.length);
      streams.restore(tile, { start, channelLength, scales }, restored, eighths);
      errors.push(...errorParts(tile, restored));
      after = mergeStats(after, sumStats(restored));
      start += tile.length;
    }
  } finally {
    workspace.release();
  }
  const codes = Array.from({ length: eighthBins / 8 }, (_, code) => sumOf(eighths.subarray(8 * code, 8 * code + 8)));
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
    floatEighths: [...eighths],
    codes,
    dequantized,
    ...errorMetrics(addErrorSums(errors)),
    codesUsed: codes.reduce((used, count) => used + (count > 0 ? 1 : 0), 0),
    atLimits: codes[0] + codes[255],
  };
}

function sumOf(counts: Uint32Array): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
