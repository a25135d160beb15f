import type { ByteChunks } from '../../core/byteChunks';
import { byteLength, type DType } from '../../core/dtype';
import { contiguousStrides, numel } from '../../core/shape';
import {
  Dict,
  Float,
  Global,
  Interned,
  List,
  NewObject,
  OrderedDict,
  Persistent,
  type Picklable,
  Reduce,
  Tuple,
  writePickle,
} from '../pickle/write';
import { type PlannedFile, planZip, type ZipRecord } from '../zip/write';

/**
 * State dicts as torch.save writes them, byte for byte as PyTorch 1.13 does; the container of
 * 2.x has a few records more. Tensor data is asked for only when the file is written.
 */

export type TorchStyle = '1.13' | '2';

/** A dense tensor to write: row-major little-endian bytes on demand. */
export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
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

/** What a state dict has under one module path, in order. */
export type StateItem =
  | { readonly kind: 'tensor'; readonly name: string; readonly tensor: TensorData }
  | { readonly kind: 'dynamicCell'; readonly path: string; readonly input: PackedData; readonly hidden: PackedData }
  | { readonly kind: 'quantizedTensor'; readonly name: string; readonly tensor: QuantizedData }
  | { readonly kind: 'table'; readonly path: string; readonly table: TableData }
  | { readonly kind: 'dynamicLinear'; readonly path: string; readonly product: PackedData }
  /** `cells`: input and hidden product of every layer and direction. */
  | {
      readonly kind: 'dynamicRecurrent';
      readonly path: string;
      readonly cells: readonly { readonly input: PackedData; readonly hidden: PackedData }[];
    };

export interface StateDict {
  readonly items: readonly StateItem[];
  /** `_metadata`: module paths and versions, in the order of named_modules(). */
  readonly versions: readonly (readonly [path: string, version: number])[];
}

export interface TorchFileOptions {
  /** Name of the archive's folder: the file's name without folder and last extension. */
  readonly archiveName: string;
  readonly style: TorchStyle;
  /** qnnpack keeps copies of the biases beside the packed weights; the others share them. */
  readonly engine: 'fbgemm' | 'x86' | 'onednn' | 'qnnpack';
}

export function planTorchFile(state: StateDict, options: TorchFileOptions): PlannedFile {
  const archive = new Archive(options.engine === 'qnnpack');
  const pickle = writePickle(archive.stateDict(state));
  return planZip(
    records(pickle, archive.storages, options).map(({ name, ...rest }) => ({
      name: `${options.archiveName}/${name}`,
      ...rest,
    })),
  );
}

function records(pickle: Uint8Array, storages: readonly TensorData[], { style }: TorchFileOptions): ZipRecord[] {
  const text = (name: string, content: string): ZipRecord => bytesRecord(name, new TextEncoder().encode(content));
  const data = storages.map((storage, key) => ({
    name: `data/${key}`,
    length: byteLength(storage.dtype, numel(storage.shape)),
    data: () => storage.data(),
  }));
  const head = bytesRecord('data.pkl', pickle);
  // 1.13 sorts the keys as strings.
  if (style === '1.13') return [head, ...data.sort((a, b) => (a.name < b.name ? -1 : 1)), text('version', '3\n')];
  const extras = [text('.format_version', '1'), text('.storage_alignment', '64'), text('byteorder', 'little')];
  // PyTorch derives 40 digits from the records; any 40 are accepted.
  return [head, ...extras, ...data, text('version', '3\n'), text('.data/serialization_id', '0'.repeat(40))];
}

function bytesRecord(name: string, bytes: Uint8Array): ZipRecord {
  return { name, length: bytes.length, data: async () => bytes };
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
};

const packedLinearClass = '__torch__.torch.classes.quantized.LinearPackedParamsBase';
const cellClass = '__torch__.torch.classes.rnn.CellParamsBase';

/** Builds the objects of one pickle and numbers the storages in the order in which they are met. */
class Archive {
  readonly storages: TensorData[] = [];
  private readonly globals = new Map<string, Global>();
  private readonly storageTag = new Interned('storage');
  private readonly cpu = new Interned('cpu');
  private readonly versionKey = new Interned('version');

  constructor(private readonly copyBiases: boolean) {}

  stateDict({ items, versions }: StateDict): OrderedDict {
    const entries = items.flatMap((item) => this.item(item));
    const metadata = versions.map(([path, version]): [Picklable, Picklable] => [
      path,
      new Dict([[this.versionKey, version]]),
    ]);
    return new OrderedDict(entries, new Dict([['_metadata', new OrderedDict(metadata)]]));
  }

  private item(item: StateItem): [Picklable, Picklable][] {
    if (item.kind === 'tensor') return [[item.name, this.tensor(item.tensor)]];
    if (item.kind === 'quantizedTensor') return [[item.name, this.quantized(item.tensor)]];
    const prefix = item.path === '' ? '' : `${item.path}.`;
    if (item.kind === 'table') {
      return [
        [`${prefix}_packed_params.dtype`, this.global('torch', item.table.dtype)],
        [`${prefix}_packed_params._packed_weight`, this.table(item.table)],
      ];
    }
    if (item.kind === 'dynamicLinear') return this.linear(prefix, item.product);
    if (item.kind === 'dynamicCell') {
      return [item.input, item.hidden].map(({ weight, bias }, i) => {
        const packed = this.packed(weight);
        const own = this.copyBiases ? this.tensor(bias as TensorData, true) : this.parameter(bias as TensorData);
        return [
          `${prefix}_packed_weight_${i === 0 ? 'ih' : 'hh'}`,
          this.scriptObject(new Tuple([packed, own]), packedLinearClass),
        ];
      });
    }
    return item.cells.map(({ input, hidden }, k) => [
      `${prefix}_all_weight_values.${k}.param`,
      this.cell(input, hidden),
    ]);
  }

  private linear(prefix: string, { weight, bias }: PackedData): [Picklable, Picklable][] {
    const scale = this.tensor(scalar('float32', Float32Array.of(1)));
    const zeroPoint = this.tensor(scalar('int64', BigInt64Array.of(0n)));
    const packed = this.packed(weight);
    const zeros: TensorData = {
      dtype: 'float32',
      shape: [weight.shape[0]],
      data: async () => new Uint8Array(weight.shape[0] * 4),
    };
    const packedBias = this.copyBiases
      ? this.tensor(bias ?? zeros, bias !== undefined)
      : bias === undefined
        ? null
        : this.parameter(bias);
    return [
      [`${prefix}scale`, scale],
      [`${prefix}zero_point`, zeroPoint],
      [`${prefix}_packed_params.dtype`, this.global('torch', isHalf(weight) ? 'float16' : 'qint8')],
      [`${prefix}_packed_params._packed_params`, new Tuple([packed, packedBias])],
    ];
  }

  /** CellParamsBase: biases, then the packed products; [1] is reduce_range. */
  private cell(input: PackedData, hidden: PackedData): NewObject {
    const biases = [input, hidden].map(({ bias }) => this.parameter(bias as TensorData));
    const products = [input, hidden].map(({ weight, bias }, i) => {
      const packed = this.packed(weight);
      const own = this.copyBiases ? this.tensor(bias as TensorData, true) : biases[i];
      return this.scriptObject(new Tuple([packed, own]), packedLinearClass);
    });
    // The state of half precision has its biases in the products alone.
    const half = new Tuple(['quantized_fp16', new List([]), new List([]), new List([]), new List(products)]);
    if (isHalf(input.weight)) return this.scriptObject(half, cellClass);
    const state = new Tuple(['quantized_dynamic', new List(biases), new List([]), new List([1]), new List(products)]);
    return this.scriptObject(state, cellClass);
  }

  private scriptObject(state: Tuple, className: string): NewObject {
    return new NewObject(this.global('torch', 'ScriptObject'), new Tuple([state, className]));
  }

  private global(module: string, name: string): Global {
    const key = `${module}.${name}`;
    const known = this.globals.get(key) ?? new Global(module, name);
    this.globals.set(key, known);
    return known;
  }

  private storage(tensor: TensorData): Persistent {
    const key = String(this.storages.push(tensor) - 1);
    const type = this.global('torch', `${storageKinds[tensor.dtype] ?? 'Byte'}Storage`);
    // A storage of packed codes counts bytes.
    const count = tensor.dtype === 'quint4x2' ? byteLength('quint4x2', numel(tensor.shape)) : numel(tensor.shape);
    return new Persistent(new Tuple([this.storageTag, type, key, this.cpu, count]));
  }

  private view(tensor: TensorData): Picklable[] {
    return [this.storage(tensor), 0, new Tuple(tensor.shape), new Tuple(contiguousStrides(tensor.shape))];
  }

  private tensor(tensor: TensorData, requiresGrad = false): Reduce {
    return new Reduce(
      this.global('torch._utils', '_rebuild_tensor_v2'),
      new Tuple([...this.view(tensor), requiresGrad, new OrderedDict([])]),
    );
  }

  private parameter(tensor: TensorData): Reduce {
    return new Reduce(
      this.global('torch._utils', '_rebuild_parameter'),
      new Tuple([this.tensor(tensor), true, new OrderedDict([])]),
    );
  }

  private packed(weight: QuantizedData): Reduce {
    return isHalf(weight) ? this.tensor(weight) : this.quantized(weight);
  }

  private table(table: TableData): Reduce {
    const qparams = new Tuple([
      this.global('torch', 'per_channel_affine'),
      this.tensor(vector('float32', table.scales)),
      this.tensor(vector('float32', table.zeroPoints)),
      0,
    ]);
    const view = this.view(table);
    return new Reduce(
      this.global('torch._utils', '_rebuild_qtensor'),
      new Tuple([...view, qparams, false, new OrderedDict([])]),
    );
  }

  private quantized(weight: QuantizedData): Reduce {
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

function scalar(dtype: DType, values: Numbers): TensorData {
  return { dtype, shape: [], data: async () => bytesOf(values) };
}
