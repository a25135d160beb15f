import type { ByteChunks } from '../../core/byteChunks';
import { byteLength, type DType } from '../../core/dtype';
import { contiguousStrides, numel } from '../../core/shape';
import {
  Float,
  Global,
  Interned,
  List,
  NewObject,
  OrderedDict,
  orderedDict,
  Persistent,
  type Picklable,
  Reduce,
  Tuple,
} from '../pickle/write';

/** A dense tensor to write: row-major little-endian bytes on demand. */
export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Equal for tensors that are one and the same, such as tied weights: they share a storage. */
  readonly shared?: string;
  data(): ByteChunks;
}

/** An int8 weight [rows, columns] with one scale, or one a row. */
export interface QuantizedData extends TensorData {
  readonly scales: readonly number[];
  readonly perChannel: boolean;
}

/** An embedding table [rows, width], quint8 or quint4x2: every row has a float scale and zero point. */
export interface TableData extends TensorData {
  readonly scales: Float32Array;
  readonly zeroPoints: Float32Array;
}

/** One quantized product with its bias; a float32 weight is one of float16_dynamic, widened again. */
export interface PackedData {
  readonly weight: QuantizedData;
  readonly bias: TensorData | undefined;
}

const storageKinds: Partial<Record<DType, string>> = {
  float64: 'Double',
  float32: 'Float',
  float16: 'Half',
  bfloat16: 'BFloat16',
  int64: 'Long',
  int32: 'Int',
  int16: 'Short',
  int8: 'Char',
  uint8: 'Byte',
  bool: 'Bool',
  qint8: 'QInt8',
  quint8: 'QUInt8',
  quint4x2: 'QUInt4x2',
  qint32: 'QInt32',
  complex64: 'ComplexFloat',
  complex128: 'ComplexDouble',
};

export const packedLinearClass = '__torch__.torch.classes.quantized.LinearPackedParamsBase';
const cellClass = '__torch__.torch.classes.rnn.CellParamsBase';

/** Builds the objects of one pickle and numbers the storages in the order in which they are met. */
export class Archive {
  readonly storages: TensorData[] = [];
  private readonly globals = new Map<string, Global>();
  private readonly keys = new Map<string, Interned>();
  private readonly storageTag = new Interned('storage');
  private readonly cpu = new Interned('cpu');

  /** `copyBiases`: as qnnpack does, packed weights have copies of the biases. */
  constructor(private readonly copyBiases: boolean) {}

  /** CellParamsBase: biases, then the packed products; [1] is reduce_range. */
  cell(input: PackedData, hidden: PackedData): NewObject {
    // Half precision has its biases in the products alone.
    if (isHalf(input.weight)) {
      const products = [input, hidden].map((product) => this.cellProduct(product));
      const state = ['quantized_fp16', new List([]), new List([]), new List([]), new List(products)];
      return this.scriptObject(new Tuple(state), cellClass);
    }
    const biases = [input, hidden].map(({ bias }) => this.parameter(bias as TensorData));
    const products = [input, hidden].map(({ weight, bias }, i) => {
      const packed = this.packed(weight);
      const own = this.copyBiases ? this.tensor(bias as TensorData, true) : biases[i];
      return this.scriptObject(new Tuple([packed, own]), packedLinearClass);
    });
    const state = new Tuple(['quantized_dynamic', new List(biases), new List([]), new List([1]), new List(products)]);
    return this.scriptObject(state, cellClass);
  }

  /** The product of a dynamic Linear: weight and bias. */
  packedLinear({ weight, bias }: PackedData): Tuple {
    const packed = this.packed(weight);
    if (!this.copyBiases) return new Tuple([packed, bias === undefined ? null : this.parameter(bias)]);
    return new Tuple([packed, this.tensor(bias ?? zeros(weight.shape[0]), bias !== undefined)]);
  }

  /** One of the two products of a dynamic LSTMCell, GRUCell or RNNCell. */
  cellProduct({ weight, bias }: PackedData): NewObject {
    const packed = this.packed(weight);
    const own = this.copyBiases ? this.tensor(bias as TensorData, true) : this.parameter(bias as TensorData);
    return this.scriptObject(new Tuple([packed, own]), packedLinearClass);
  }

  scriptObject(state: Tuple, className: string): NewObject {
    return new NewObject(this.global('torch', 'ScriptObject'), { state: new Tuple([state, className]) });
  }

  global(module: string, name: string): Global {
    if (module === orderedDict.module && name === orderedDict.name) return orderedDict;
    const key = `${module}.${name}`;
    const known = this.globals.get(key) ?? new Global(module, name);
    this.globals.set(key, known);
    return known;
  }

  private storage(tensor: TensorData): Persistent {
    const kind = storageKinds[tensor.dtype];
    const type =
      kind === undefined ? this.global('torch.storage', 'UntypedStorage') : this.global('torch', `${kind}Storage`);
    const elements = numel(tensor.shape);
    // Packed codes and storages without a type count bytes.
    const count = tensor.dtype === 'quint4x2' || kind === undefined ? byteLength(tensor.dtype, elements) : elements;
    return this.persistent(type, this.nextKey(tensor), count);
  }

  persistent(type: Global, key: Interned, count: number): Persistent {
    return new Persistent(new Tuple([this.storageTag, type, key, this.cpu, count]));
  }

  /** The key of a tensor's storage: the next one, or that of the tensor that it shares it with. */
  nextKey(tensor: TensorData): Interned {
    const { shared } = tensor;
    const known = shared === undefined ? undefined : this.keys.get(shared);
    if (known !== undefined) return known;
    const key = new Interned(String(this.storages.push(tensor) - 1));
    if (shared !== undefined) this.keys.set(shared, key);
    return key;
  }

  private view(tensor: TensorData): Picklable[] {
    return [this.storage(tensor), 0, new Tuple(tensor.shape), new Tuple(contiguousStrides(tensor.shape))];
  }

  tensor(tensor: TensorData, requiresGrad = false): Reduce {
    const args = [...this.view(tensor), requiresGrad, new OrderedDict([])];
    // Element types that came after 2.0 have no storage class; the tensor names them.
    return storageKinds[tensor.dtype] === undefined
      ? new Reduce(
          this.global('torch._utils', '_rebuild_tensor_v3'),
          new Tuple([...args, this.global('torch', tensor.dtype)]),
        )
      : new Reduce(this.global('torch._utils', '_rebuild_tensor_v2'), new Tuple(args));
  }

  parameter(tensor: TensorData): Reduce {
    return new Reduce(
      this.global('torch._utils', '_rebuild_parameter'),
      new Tuple([this.tensor(tensor), true, new OrderedDict([])]),
    );
  }

  packed(weight: QuantizedData): Reduce {
    return isHalf(weight) ? this.tensor(weight) : this.quantized(weight);
  }

  table(table: TableData): Reduce {
    const view = this.view(table);
    const qparams = new Tuple([
      this.global('torch', 'per_channel_affine'),
      this.tensor(vector('float32', table.scales)),
      this.tensor(vector('float32', table.zeroPoints)),
      0,
    ]);
    return new Reduce(
      this.global('torch._utils', '_rebuild_qtensor'),
      new Tuple([...view, qparams, false, new OrderedDict([])]),
    );
  }

  quantized(weight: QuantizedData): Reduce {
    const view = this.view(weight);
    const rows = weight.scales.length;
    const scales = Float64Array.from(weight.scales);
    const qparams = weight.perChannel
      ? new Tuple([
          this.global('torch', 'per_channel_affine'),
          this.tensor(vector('float64', scales)),
          this.tensor(vector('int64', new BigInt64Array(rows))),
          0,
        ])
      : new Tuple([this.global('torch', 'per_tensor_affine'), new Float(weight.scales[0]), 0]);
    return new Reduce(
      this.global('torch._utils', '_rebuild_qtensor'),
      new Tuple([...view, qparams, false, new OrderedDict([])]),
    );
  }
}

/** What PyTorch calls the weight of a product. */
export function packedDType({ weight }: PackedData): 'float16' | 'qint8' {
  return isHalf(weight) ? 'float16' : 'qint8';
}

function zeros(length: number): TensorData {
  return { dtype: 'float32', shape: [length], data: async () => new Uint8Array(length * 4) };
}

function isHalf({ dtype }: QuantizedData): boolean {
  return dtype === 'float32';
}

type Numbers = Float32Array | Float64Array | BigInt64Array;

function bytesOf(values: Numbers): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function vector(dtype: DType, values: Numbers): TensorData {
  return { dtype, shape: [values.length], data: async () => bytesOf(values) };
}

export function scalar(dtype: DType, values: Numbers): TensorData {
  return { dtype, shape: [], data: async () => bytesOf(values) };
}
