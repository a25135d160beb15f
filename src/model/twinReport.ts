import type { DynamicModule } from '../engine/nn/module';
import { addErrorSums, type ErrorSums, errorMetrics, errorSums } from '../engine/quantization/errorMetrics';
import { widenHalf } from '../engine/quantization/halfWeight';
import { lookUp, type QuantizedTable } from '../engine/quantization/quantizeEmbedding';
import { dequantizeWeight } from '../engine/quantization/quantizeWeight';
import type { QuantizedWeightDto } from '../protocol/quantizeDto';

/** The weights of one module after quantization, each with its error. */
export interface TwinReport {
  readonly weights: readonly QuantizedWeightDto[];
  readonly sums: ErrorSums;
}

type Described = Omit<QuantizedWeightDto, 'sqnrDb' | 'rmse' | 'maxAbsError'>;

/** `float` are the weights as they were, by name. */
export async function twinReport(
  { products, halves = [], table }: DynamicModule,
  float: ReadonlyMap<string, Float32Array>,
): Promise<TwinReport> {
  const weights: QuantizedWeightDto[] = [];
  const sums: ErrorSums[] = [];
  const add = (described: Described, restored: Float32Array) => {
    const error = errorSums(float.get(described.name) ?? restored, restored);
    sums.push(error);
    weights.push({ ...described, ...errorMetrics(error) });
  };
  for (const { name, weight } of products) {
    const { scheme, axis, scales, zeroPoints, codes } = weight;
    const int8Sha256 = await sha256(codes);
    add({ name, scheme, axis, scales: [...scales], zeroPoints: [...zeroPoints], int8Sha256 }, dequantizeWeight(weight));
  }
  for (const half of halves) {
    const described = { scheme: 'per_tensor', axis: null, scales: [], zeroPoints: [], dtype: 'float16' } as const;
    add({ ...described, name: half.name, int8Sha256: await sha256(half.patterns) }, widenHalf(half));
  }
  if (table !== undefined) add(await describeTable(table), restoreTable(table));
  return { weights, sums: addErrorSums(sums) };
}

async function describeTable({ bits, codes, scales, zeroPoints }: QuantizedTable): Promise<Described> {
  return {
    name: 'weight',
    scheme: 'per_channel',
    axis: 0,
    scales: [...scales],
    zeroPoints: [...zeroPoints],
    int8Sha256: await sha256(codes),
    dtype: bits === 8 ? 'quint8' : 'quint4x2',
  };
}

function restoreTable(table: QuantizedTable): Float32Array {
  const restored = new Float32Array(table.rows * table.width);
  for (let row = 0; row < table.rows; row++) restored.set(lookUp(table, row), row * table.width);
  return restored;
}

/** Of the bytes of codes, in hexadecimal. */
export async function sha256(codes: Int8Array | Uint8Array | Uint16Array): Promise<string> {
  const bytes = new Uint8Array(codes.buffer as ArrayBuffer, codes.byteOffset, codes.byteLength);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
