import type { PackedLinear } from '../quantization/dynamicLinear';
import {
  addRow,
  type EmbeddingBits,
  lookUp,
  type QuantizedTable,
  quantizeEmbedding,
} from '../quantization/quantizeEmbedding';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import { type BagOptions, bagsOf, embedding, embeddingBag, floatTable, type NormLimit, type Table } from './embedding';
import type { DynamicModule, ModuleInputs, QuantizableTable } from './module';

/** torch.nn.Embedding. */
export class Embedding implements QuantizableTable {
  readonly outputs = ['output'];
  private readonly table: Table;

  constructor(
    readonly weight: FloatTensor,
    limit?: NormLimit,
  ) {
    this.table = floatTable(weight, limit);
  }

  get weights(): ReadonlyMap<string, Float32Array> {
    return new Map([['weight', this.weight.data]]);
  }

  forward([input]: ModuleInputs): FloatTensor[] {
    return [embedding(this.table, input)];
  }

  toTable(bits: EmbeddingBits): QuantizedEmbedding {
    return new QuantizedEmbedding(tableOf(this.weight, bits));
  }
}

/** torch.nn.EmbeddingBag. */
export class EmbeddingBag implements QuantizableTable {
  readonly outputs = ['output'];
  private readonly table: Table;

  constructor(
    readonly weight: FloatTensor,
    readonly options: BagOptions,
    limit?: NormLimit,
  ) {
    this.table = floatTable(weight, limit);
  }

  get weights(): ReadonlyMap<string, Float32Array> {
    return new Map([['weight', this.weight.data]]);
  }

  forward(inputs: ModuleInputs): FloatTensor[] {
    return [embeddingBag(this.table, this.options, inputs)];
  }

  toTable(bits: EmbeddingBits): QuantizedEmbeddingBag {
    return new QuantizedEmbeddingBag(tableOf(this.weight, bits), this.options);
  }
}

function tableOf({ data, shape: [rows, width] }: FloatTensor, bits: EmbeddingBits): QuantizedTable {
  return quantizeEmbedding(data, rows, width, bits);
}

/** torch.ao.nn.quantized.Embedding: PyTorch drops padding_idx and max_norm. */
export class QuantizedEmbedding implements DynamicModule {
  readonly outputs = ['output'];
  readonly stored = 'table';
  readonly products: readonly PackedLinear[] = [];

  constructor(readonly table: QuantizedTable) {}

  forward([input]: ModuleInputs): FloatTensor[] {
    const { rows, width } = this.table;
    return [embedding({ rows, width, row: (index) => lookUp(this.table, index) }, input)];
  }
}

/**
 * torch.ao.nn.quantized.EmbeddingBag. It sums whatever the mode of the float module was: PyTorch
 * drops the mode, and its default is mean.
 */
export class QuantizedEmbeddingBag implements DynamicModule {
  readonly outputs = ['output'];
  readonly stored = 'table';
  readonly products: readonly PackedLinear[] = [];

  constructor(
    readonly table: QuantizedTable,
    private readonly options: BagOptions,
  ) {}

  forward(inputs: ModuleInputs): FloatTensor[] {
    const { rows, width } = this.table;
    const { indices, starts, ends, weights } = bagsOf(rows, { ...this.options, paddingIdx: undefined }, inputs);
    const out = new Float32Array(starts.length * width);
    for (let bag = 0; bag < starts.length; bag++) {
      const sums = out.subarray(bag * width, (bag + 1) * width);
      for (let i = starts[bag]; i < ends[bag]; i++) addRow(this.table, indices[i], weights?.[i] ?? 1, sums);
    }
    return [floatTensor(out, [starts.length, width])];
  }
}
