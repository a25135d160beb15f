import assert from 'node:assert/strict';
import { neverAborted } from '../../../../src/core/abort';
import { QuantscopeError } from '../../../../src/core/errors';
import { referenceKernels } from '../../../../src/engine/kernels/reference/referenceKernels';
import { DynamicLinear, Linear } from '../../../../src/engine/nn/linear';
import { quantizedEngines } from '../../../../src/engine/quantization/engines';
import type { ActivationRecord } from '../../../../src/engine/quantization/tap';
import { Generator } from '../../../../src/engine/random/generator';
import { initLinear } from '../../../../src/engine/random/initialize';
import { type FloatTensor, floatTensor } from '../../../../src/engine/tensor/tensor';

const context = { kernels: referenceKernels, abort: neverAborted };

function linear(inFeatures: number, outFeatures: number, bias = true): Linear {
  const parameters = initLinear(new Generator(1), inFeatures, outFeatures, bias);
  return new Linear(parameters.get('weight') as FloatTensor, parameters.get('bias'));
}

describe('dynamic Linear', () => {
  for (const engine of quantizedEngines) {
    for (const scheme of ['per_tensor', 'per_channel'] as const) {
      for (const bias of [true, false]) {
        it(`${engine}, ${scheme}, ${bias ? 'with' : 'without'} bias is near the float module`, () => {
          const float = linear(16, 8, bias);
          const x = new Generator(2).randn([5, 3, 16]);
          const [expected] = float.forward([x], context);
          const [actual] = float.toDynamic('m', engine, scheme).forward([x], context);
          assert.deepEqual(actual.shape, [5, 3, 8]);
          const worst = Math.max(...actual.data.map((value, i) => Math.abs(value - expected.data[i])));
          assert.ok(worst > 0 && worst < 0.05, `largest difference ${worst}`);
        });
      }
    }
  }

  it('an all-zero input gives the bias', () => {
    const float = linear(4, 3);
    const [y] = float
      .toDynamic('m', 'fbgemm', 'per_tensor')
      .forward([floatTensor(new Float32Array(8), [2, 4])], context);
    const bias = [...(float.bias?.data ?? [])];
    assert.deepEqual([...y.data], [...bias, ...bias]);
  });

  it('an empty batch gives an empty output', () => {
    const [y] = linear(4, 3)
      .toDynamic('m', 'onednn', 'per_tensor')
      .forward([floatTensor(new Float32Array(0), [0, 4])], context);
    assert.deepEqual(y.shape, [0, 3]);
  });

  it('records every call with its range, scale, clamp and codes', () => {
    const records: ActivationRecord[] = [];
    const dynamic = linear(4, 3).toDynamic('head', 'fbgemm', 'per_tensor');
    const tap = { activation: (record: ActivationRecord) => void records.push(record) };
    const x = floatTensor(Float32Array.of(-1, 0, 0.5, 1), [1, 4]);
    dynamic.forward([x], { ...context, tap });
    dynamic.forward([x], { ...context, tap });
    const record = { module: 'head', weight: 'weight', step: 0, min: -1, max: 1, scale: 2 / 127, zeroPoint: 64 };
    assert.deepEqual(records, [
      { ...record, call: 0, clamped: 0, codesUsed: 4, count: 4 },
      { ...record, call: 1, clamped: 0, codesUsed: 4, count: 4 },
    ]);
  });

  const wrong: readonly [what: string, shape: readonly number[], message: RegExp][] = [
    ['one dimension', [4], /larger than or equal to 2/],
    ['the wrong width', [2, 5], /Expected 4, got 5/],
  ];
  for (const [what, shape, message] of wrong) {
    it(`refuses an input of ${what}`, () => {
      const x = floatTensor(new Float32Array(shape.reduce((a, b) => a * b)), shape);
      const dynamic = linear(4, 3).toDynamic('m', 'fbgemm', 'per_tensor');
      // The float module takes a single vector.
      const modules = shape.length === 1 ? [dynamic] : [linear(4, 3), dynamic];
      for (const module of modules) {
        assert.throws(
          () => module.forward([x], context),
          (error: unknown) =>
            error instanceof QuantscopeError && error.code === 'E_SHAPE' && message.test(error.message),
        );
      }
    });
  }

  it('refuses NaN in the input in every engine', () => {
    const x = floatTensor(Float32Array.of(1, Number.NaN, 2, 3), [1, 4]);
    for (const engine of quantizedEngines) {
      assert.throws(
        () => linear(4, 3).toDynamic('m', engine, 'per_tensor').forward([x], context),
        (error: unknown) => error instanceof QuantscopeError && error.code === 'E_NAN_INPUT',
        engine,
      );
    }
  });

  it('is a DynamicLinear with one product named weight', () => {
    const dynamic = linear(4, 3).toDynamic('m', 'fbgemm', 'per_tensor');
    assert.ok(dynamic instanceof DynamicLinear);
    assert.deepEqual(
      dynamic.products.map(({ module, name }) => [module, name]),
      [['m', 'weight']],
    );
  });
});
