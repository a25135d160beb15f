import assert from 'node:assert/strict';
import type { Model } from '../../src/model/openModel';
import type { EngineName } from '../../src/protocol/dto';
import type { Expected } from './fixtures';
import { quantized } from './models';

/** What *.expected.json says of one quantized weight. */
interface WeightTruth {
  readonly scheme: 'per_tensor' | 'per_channel';
  readonly scale?: number;
  readonly scales?: readonly number[];
  readonly int_repr_sha256: string;
}

/** PyTorch's spec behind each key of `quantized`: an engine, or per-channel Linear with nothing else. */
function changesOf(key: string) {
  return key === 'per_channel_linear'
    ? ({ engine: 'fbgemm', perChannel: true, modules: ['Linear'] } as const)
    : { engine: key as EngineName };
}

/** Quantizes a model as PyTorch did for this key, and expects the same scales and int8 bytes; gives print(model). */
export async function checkWeights(model: Model, expected: Expected, key: string): Promise<string> {
  const report = await quantized(model, changesOf(key));
  const actual = report.modules.flatMap(({ path, weights }) =>
    weights.map((weight) => [
      path === '' ? weight.name : `${path}.${weight.name}`,
      { scheme: weight.scheme, scales: weight.scales, hash: weight.int8Sha256 },
    ]),
  );
  const truths = expected.quantized[key].weights as Readonly<Record<string, WeightTruth>>;
  const wanted = Object.entries(truths).map(([weight, { scheme, scale, scales, int_repr_sha256 }]) => [
    weight,
    { scheme, scales: scales ?? [scale], hash: int_repr_sha256 },
  ]);
  assert.deepEqual(Object.fromEntries(actual), Object.fromEntries(wanted));
  return report.repr.after;
}
