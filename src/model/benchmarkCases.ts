/** A shape to measure: the sizes that the recipe has, and those of models that people run. */
export type BenchmarkCase =
  | {
      readonly name: string;
      readonly type: 'LSTM' | 'GRU';
      /** Input and hidden size are the same. */
      readonly width: number;
      readonly layers: number;
      readonly steps: number;
      readonly batch: number;
    }
  | {
      readonly name: string;
      readonly type: 'Linear';
      readonly inFeatures: number;
      readonly outFeatures: number;
      readonly batch: number;
    }
  | {
      readonly name: string;
      readonly type: 'TransformerEncoder';
      readonly width: number;
      readonly heads: number;
      readonly feedForward: number;
      readonly layers: number;
      readonly steps: number;
    };

const recurrent = (type: 'LSTM' | 'GRU', width: number, layers = 1, batch = 1): BenchmarkCase => ({
  name: `${type} ${width}${layers > 1 ? ` × ${layers} layers` : ''}${batch > 1 ? `, batch ${batch}` : ''}`,
  type,
  width,
  layers,
  steps: 20,
  batch,
});

const linear = (inFeatures: number, outFeatures: number, batch: number): BenchmarkCase => ({
  name: `Linear ${inFeatures} → ${outFeatures}, batch ${batch}`,
  type: 'Linear',
  inFeatures,
  outFeatures,
  batch,
});

export const benchmarkCases: readonly BenchmarkCase[] = [
  recurrent('LSTM', 8),
  recurrent('LSTM', 16),
  recurrent('LSTM', 32),
  recurrent('LSTM', 64),
  recurrent('LSTM', 256),
  recurrent('LSTM', 1024, 2),
  recurrent('LSTM', 256, 1, 16),
  recurrent('GRU', 512),
  linear(1024, 4096, 1),
  linear(768, 3072, 128),
  {
    name: 'Transformer 768 × 2 layers, 128 steps',
    type: 'TransformerEncoder',
    width: 768,
    heads: 12,
    feedForward: 3072,
    layers: 2,
    steps: 128,
  },
];

/** Multiply-adds of the weights' products in one forward pass. */
export function multiplyAdds(one: BenchmarkCase): number {
  switch (one.type) {
    case 'Linear':
      return one.inFeatures * one.outFeatures * one.batch;
    case 'TransformerEncoder':
      return one.layers * one.steps * (4 * one.width * one.width + 2 * one.width * one.feedForward);
    default:
      return one.layers * one.steps * one.batch * 2 * (one.type === 'LSTM' ? 4 : 3) * one.width * one.width;
  }
}
