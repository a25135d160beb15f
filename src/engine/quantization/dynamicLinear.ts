import { invalid, QuantscopeError } from '../../core/errors';
import type { ForwardContext } from '../nn/forwardContext';
import { type EngineSemantics, engineSemantics, type QuantizedEngine, scaledSum } from './engines';
import { saturatedShare } from './explainElement';
import { observeRange } from './observers';
import { chooseQParams, type QParams } from './qparams';
import { type QuantizedWeight, quantizeWeight, type Scheme } from './quantizeWeight';

/** One quantized product: an int8 weight [n, k], its bias, and the name it is recorded under. */
export interface PackedLinear {
  readonly module: string;
  readonly name: string;
  readonly weight: QuantizedWeight;
  readonly bias: Float32Array | undefined;
  readonly engine: QuantizedEngine;
}

/** Quantizes a float32 weight [rows, columns]; errors name the tensor. */
export function packLinear(
  { module, name, bias, engine }: Omit<PackedLinear, 'weight'>,
  weight: Float32Array,
  [rows, columns]: readonly number[],
  scheme: Scheme,
): PackedLinear {
  try {
    return { module, name, weight: quantizeWeight(weight, rows, columns, scheme), bias, engine };
  } catch (error) {
    if (!(error instanceof QuantscopeError)) throw error;
    const tensor = module === '' ? name : `${module}.${name}`;
    throw new QuantscopeError({ ...error.details, where: { ...error.details.where, tensor } });
  }
}

/**
 * A dynamic linear product of x [m, k] with an int8 weight [n, k]: [m, n].
 *
 * The range of the whole x gives scale and zero point, x is rounded to uint8 codes, the sums are
 * exact integers, and each engine turns them into float32 in its own way. `call` and `step` name
 * the record that the tap gets. Sources: aten/src/ATen/native/quantized/cpu/qlinear_dynamic.cpp
 * and the engines named in engines.ts.
 */
export function dynamicLinear(
  packed: PackedLinear,
  x: Float32Array,
  m: number,
  context: ForwardContext,
  call: number,
  step: number,
): Float32Array {
  const { kernels, tap, abort } = context;
  const whole = tap === undefined ? kernels.dynamicLinear?.(packed, x, m, abort) : undefined;
  if (whole !== undefined) return whole;
  const { weight } = packed;
  const semantics = engineSemantics[packed.engine];
  const { min, max } = x.length === 0 ? { min: 0, max: 0 } : observeRange(x);
  if (min === Number.NEGATIVE_INFINITY || max === Number.POSITIVE_INFINITY) throw infiniteInput(packed.engine);
  const qparams = chooseQParams(min, max, semantics.reduceRange);
  const codes = new Uint8Array(x.length);
  const clamped = kernels.quantizeActivation(x, qparams.scale, qparams.zeroPoint, semantics, codes);
  if (tap !== undefined) {
    const { module, name } = packed;
    const record = {
      module,
      weight: name,
      call,
      step,
      min,
      max,
      ...qparams,
      clamped,
      codesUsed: countCodes(codes),
      count: x.length,
      ...(tap.saturation && {
        saturated16: saturatedShare(codes, weight.codes, m, weight.rows, weight.columns),
      }),
    };
    tap.activation(record, x, codes);
    const recorded = kernels.dynamicLinear?.(packed, x, m, abort);
    if (recorded !== undefined) return recorded;
  }
  const sums = new Float64Array(m * weight.rows);
  kernels.gemmInt8(codes, qparams.zeroPoint, weight.codes, m, weight.rows, weight.columns, sums);
  return scaleOutput(packed, sums, m, qparams, semantics);
}

/** In PyTorch's words; fbgemm says nothing there and returns infinities and undefined numbers. */
function infiniteInput(engine: QuantizedEngine): QuantscopeError {
  const message = engine.startsWith('onednn')
    ? 'could not execute a primitive'
    : engine.startsWith('qnnpack')
      ? 'failed to create op with requantization scale: inf: requantization scale must be finite and positive'
      : 'The input contains infinity, which has no scale; fbgemm would return undefined numbers';
  return invalid('E_INF_INPUT', message, { hint: 'The input of this module contains infinity.' });
}

function scaleOutput(
  { weight, bias }: PackedLinear,
  sums: Float64Array,
  m: number,
  { scale }: QParams,
  semantics: EngineSemantics,
): Float32Array {
  const n = weight.rows;
  const out = new Float32Array(sums.length);
  const perChannel = weight.scheme === 'per_channel';
  const whole = perChannel ? 0 : semantics.multiplier(scale, weight.scales[0]);
  for (let channel = 0; channel < n; channel++) {
    const multiplier = perChannel ? semantics.multiplier(scale, weight.scales[channel]) : whole;
    for (let row = 0; row < m; row++) {
      const i = row * n + channel;
      const sum = scaledSum(semantics, sums[i], scale);
      out[i] =
        bias === undefined
          ? semantics.outputWithoutBias(sum, multiplier)
          : semantics.output(sum, multiplier, bias[channel]);
    }
  }
  return out;
}

function countCodes(codes: Uint8Array): number {
  const seen = new Uint8Array(256);
  for (const code of codes) seen[code] = 1;
  return seen.reduce((sum, one) => sum + one, 0);
}
