import { byteLength } from '../../core/dtype';
import { numel } from '../../core/shape';
import { Dict, Interned, OrderedDict, type Picklable, writePickle } from '../pickle/write';
import { type PlannedFile, planZip, type ZipRecord } from '../zip/write';
import {
  Archive,
  type PackedData,
  packedDType,
  type QuantizedData,
  scalar,
  type TableData,
  type TensorData,
} from './archive';

/**
 * State dicts as torch.save writes them, byte for byte as PyTorch 1.13 does; the container of
 * 2.x has a few records more. Tensor data is asked for only when the file is written.
 */

export type TorchStyle = '1.13' | '2';

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
  return planArchive(writePickle(stateDict(archive, state)), archive.storages, options);
}

/** The container around a pickle and its storages. */
export function planArchive(
  pickle: Uint8Array,
  storages: readonly TensorData[],
  options: TorchFileOptions,
): PlannedFile {
  return planZip(
    records(pickle, storages, options).map(({ name, ...rest }) => ({
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

function stateDict(archive: Archive, { items, versions }: StateDict): OrderedDict {
  const versionKey = new Interned('version');
  const entries = items.flatMap((item) => itemEntries(archive, item));
  const metadata = versions.map(([path, version]): Entry => [path, new Dict([[versionKey, version]])]);
  return new OrderedDict(entries, new Dict([['_metadata', new OrderedDict(metadata)]]));
}

type Entry = [Picklable, Picklable];

function itemEntries(archive: Archive, item: StateItem): Entry[] {
  if (item.kind === 'tensor') return [[item.name, archive.tensor(item.tensor)]];
  if (item.kind === 'quantizedTensor') return [[item.name, archive.quantized(item.tensor)]];
  const prefix = item.path === '' ? '' : `${item.path}.`;
  switch (item.kind) {
    case 'table':
      return [
        [`${prefix}_packed_params.dtype`, archive.global('torch', item.table.dtype)],
        [`${prefix}_packed_params._packed_weight`, archive.table(item.table)],
      ];
    case 'dynamicLinear':
      return [
        [`${prefix}scale`, archive.tensor(scalar('float32', Float32Array.of(1)))],
        [`${prefix}zero_point`, archive.tensor(scalar('int64', BigInt64Array.of(0n)))],
        [`${prefix}_packed_params.dtype`, archive.global('torch', packedDType(item.product))],
        [`${prefix}_packed_params._packed_params`, archive.packedLinear(item.product)],
      ];
    case 'dynamicCell':
      return [item.input, item.hidden].map((product, i) => [
        `${prefix}_packed_weight_${i === 0 ? 'ih' : 'hh'}`,
        archive.cellProduct(product),
      ]);
    case 'dynamicRecurrent':
      return item.cells.map(({ input, hidden }, k) => [
        `${prefix}_all_weight_values.${k}.param`,
        archive.cell(input, hidden),
      ]);
  }
}
