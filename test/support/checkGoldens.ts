import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { activationForms, vectorEnd } from '../../src/engine/nn/activations';
import { DynamicLinear } from '../../src/engine/nn/linear';
import { packLinear } from '../../src/engine/quantization/dynamicLinear';
import type { QuantizedEngine } from '../../src/engine/quantization/engines';
import { chooseQParams } from '../../src/engine/quantization/qparams';
import {
  addRow,
  type EmbeddingBits,
  lookUp,
  packedCodes,
  type QuantizedTable,
  quantizeEmbedding,
} from '../../src/engine/quantization/quantizeEmbedding';
import { quantizeWeight, type Scheme } from '../../src/engine/quantization/quantizeWeight';
import { Generator } from '../../src/engine/random/generator';
import { initEmbedding, initLinear, initRecurrent } from '../../src/engine/random/initialize';
import { type FloatTensor, floatTensor } from '../../src/engine/tensor/tensor';
import { sha256 } from './floatBits';
import { evenWidth, linearInput, randomWeight, scaled } from './goldenInputs';
import {
  type Digest,
  type EmbeddingDigest,
  type Goldens,
  type LinearKind,
  linearKinds,
  type TorchBuild,
} from './goldens';

const context = { kernels: selectKernels(), abort: neverAborted };

/** SHA-256 over the bytes of arrays, one after the other, and how many values they have. */
export function digest(
  arrays: readonly (Float32Array | Float64Array | Int8Array | Uint8Array | BigInt64Array)[],
): Digest {
  const hash = createHash('sha256');
  let count = 0;
  for (const array of arrays) {
    hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    count += array.length;
  }
  return { count, sha256: hash.digest('hex') };
}

/** Our form of an engine as this PyTorch has it. */
export function engineOf(name: string, { engines, onednn }: TorchBuild): QuantizedEngine {
  if (name === 'onednn') return onednn.startsWith('2.') ? 'onednn2' : 'onednn';
  if (name === 'qnnpack') return engines.includes('fbgemm') ? 'qnnpackX86' : 'qnnpack';
  return 'fbgemm';
}

/** Asks the engine what PyTorch was asked, and expects the same digests. */
export function checkNumbers(build: TorchBuild, answers: () => Goldens): void {
  it('random values of every distribution and size', () => {
    const { seed, random } = answers();
    const generator = new Generator(seed);
    const wide = (values: Int32Array) => BigInt64Array.from(values, BigInt);
    const parts = [
      generator.rand([1001]).data,
      generator.randn([4099]).data,
      generator.randn([7]).data,
      generator.uniform([333], -0.3, 0.7).data,
      generator.normal([50], 2, 0.25).data,
      wide(generator.randint(-5, 1000, 100)),
      wide(generator.randperm(64)),
      generator.randn([3]).data,
    ];
    assert.deepEqual(digest(parts), random);
  });

  it('the initialisation of modules, one after the other', () => {
    const { seed, initialisation } = answers();
    const generator = new Generator(seed);
    const shape = { numLayers: 1, bias: true, bidirectional: false, projSize: 0 };
    const modules: ReadonlyMap<string, FloatTensor>[] = [
      initLinear(generator, 37, 19, true),
      initLinear(generator, 5, 3, false),
      initRecurrent(generator, 'LSTM', { ...shape, inputSize: 7, hiddenSize: 9, numLayers: 2, bidirectional: true }),
      initRecurrent(generator, 'LSTM', { ...shape, inputSize: 6, hiddenSize: 10, projSize: 4 }),
      initRecurrent(generator, 'GRU', { ...shape, inputSize: 5, hiddenSize: 6, numLayers: 3 }),
      initRecurrent(generator, 'RNN', { ...shape, inputSize: 4, hiddenSize: 8, bias: false }),
      initEmbedding(generator, 23, 6, 3),
    ];
    const values = modules.flatMap((parameters) => [...parameters.values()].map(({ data }) => data));
    assert.deepEqual(digest(values), initialisation);
  });

  it('chooseQParams for ranges of every magnitude, full and reduced', () => {
    const { seed, qparams } = answers();
    const { count } = qparams;
    const { data } = scaled(new Generator(seed), count, 2, [-30, 30]);
    const ask = (reduceRange: boolean) => {
      const scales = new Float64Array(count);
      const zeroPoints = new Int32Array(count);
      for (let i = 0; i < count; i++) {
        const [a, b] = data.subarray(2 * i, 2 * i + 2);
        ({ scale: scales[i], zeroPoint: zeroPoints[i] } = chooseQParams(Math.min(a, b), Math.max(a, b), reduceRange));
      }
      const hash = createHash('sha256').update(new Uint8Array(scales.buffer)).update(new Uint8Array(zeroPoints.buffer));
      return hash.digest('hex');
    };
    assert.deepEqual({ count, full: ask(false), reduced: ask(true) }, qparams);
  });

  for (const scheme of ['per_tensor', 'per_channel'] as const) {
    it(`int8 weights ${scheme}`, () => {
      const { seed, weights } = answers();
      const generator = new Generator(seed);
      const quantized = Array.from({ length: weights.matrices }, (_, i) => {
        const { data, rows, columns } = randomWeight(generator, i);
        return quantizeWeight(data, rows, columns, scheme);
      });
      const codes = digest(quantized.map((weight) => weight.codes));
      const scales = digest(quantized.map((weight) => weight.scales));
      assert.deepEqual({ count: codes.count, codes: codes.sha256, scales: scales.sha256 }, weights[scheme]);
    });
  }

  for (const bits of [8, 4] as const) {
    it(`embeddings of ${bits} bits: codes, and rows and bags looked up`, () => {
      const { seed, embeddings } = answers();
      assert.deepEqual(embeddingDigests(seed, embeddings.matrices, bits), embeddings[bits]);
    });
  }

  for (const engine of build.engines) {
    it(`dynamic Linear, ${engine}`, () => {
      const goldens = answers();
      assert.deepEqual(linearDigests(goldens, engineOf(engine, build)), goldens.linear.engines[engine]);
    });
  }
}

function embeddingDigests(seed: number, matrices: number, bits: EmbeddingBits): EmbeddingDigest {
  const generator = new Generator(seed);
  const tables: QuantizedTable[] = [];
  const lookedUp: Float32Array[] = [];
  for (let i = 0; i < matrices; i++) {
    const { data, rows, columns } = evenWidth(randomWeight(generator, i));
    const table = quantizeEmbedding(data, rows, columns, bits);
    tables.push(table);
    const indices = generator.randint(0, rows, 9);
    const weights = generator.rand([9]).data;
    for (const weigh of [() => 1, (at: number) => weights[at]]) {
      for (const [start, end] of [
        [0, 4],
        [4, 9],
      ]) {
        const bag = new Float32Array(columns);
        for (let at = start; at < end; at++) addRow(table, indices[at], weigh(at), bag);
        lookedUp.push(bag);
      }
    }
    if (bits === 8) for (let row = 0; row < rows; row++) lookedUp.push(lookUp(table, row));
  }
  const of = (part: (table: QuantizedTable) => Uint8Array | Float32Array) => digest(tables.map(part)).sha256;
  return {
    count: tables.reduce((sum, { codes }) => sum + codes.length, 0),
    codes: of(packedCodes),
    scales: of(({ scales }) => scales),
    zero_points: of(({ zeroPoints }) => zeroPoints),
    looked_up: digest(lookedUp),
  };
}

/** The outputs of the dynamic Linears that goldens.py asks for. */
export function linearOutputs(
  { seed, linear }: Pick<Goldens, 'seed' | 'linear'>,
  engine: QuantizedEngine,
): Record<LinearKind, Float32Array[]> {
  const generator = new Generator(seed);
  const outputs: Record<LinearKind, Float32Array[]> = { bias: [], no_bias: [], per_channel: [] };
  for (let i = 0; i < linear.modules; i++) {
    const kind = linearKinds[i % 3];
    const [rows, narrow, out] = generator.randint(2, 40, 3);
    const columns = i % 50 === 7 ? narrow * 32 : narrow;
    const parameters = initLinear(generator, columns, out, kind !== 'no_bias');
    const x = linearInput(generator, i, rows, columns);
    const scheme: Scheme = kind === 'per_channel' ? 'per_channel' : 'per_tensor';
    const weight = parameters.get('weight') as FloatTensor;
    const names = { module: 'linear', name: 'weight', bias: parameters.get('bias')?.data, engine };
    const module = new DynamicLinear(packLinear(names, weight.data, weight.shape, scheme));
    const [y] = module.forward([floatTensor(x, [rows, columns])], context);
    outputs[kind].push(y.data);
  }
  return outputs;
}

export function linearDigests(
  goldens: Pick<Goldens, 'seed' | 'linear'>,
  engine: QuantizedEngine,
): Record<LinearKind, Digest> {
  const outputs = linearOutputs(goldens, engine);
  return {
    bias: digest(outputs.bias),
    no_bias: digest(outputs.no_bias),
    per_channel: digest(outputs.per_channel),
  };
}

const gateWidth = 23;

function gates({ seed, activations }: Goldens): Float32Array {
  const values = new Generator(seed).rand([activations.rows, 2 * gateWidth]).data;
  return Float32Array.from({ length: activations.rows * gateWidth }, (_, i) =>
    Math.fround((values[Math.floor(i / gateWidth) * 2 * gateWidth + (i % gateWidth)] - 0.5) * 24),
  );
}

/** tanh and σ with the bits of SLEEF: only of a PyTorch that does not call MKL. */
export function checkActivations(answers: () => Goldens): void {
  const { sigmoid, tanh } = activationForms.sleef;
  it('tanh as SLEEF computes it', () => {
    assert.equal(sha256(gates(answers()).map(tanh)), answers().activations.tanh);
  });
  it('σ as SLEEF and the C library compute it', () => {
    const vectors = vectorEnd(gateWidth);
    const values = gates(answers()).map((x, i) => sigmoid(x, i % gateWidth < vectors));
    assert.equal(sha256(values), answers().activations.sigmoid);
  });
}
