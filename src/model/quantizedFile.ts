import type { DynamicModule } from '../engine/nn/module';
import type { PackedLinear } from '../engine/quantization/dynamicLinear';
import { type HalfWeight, widenHalf } from '../engine/quantization/halfWeight';
import { packedCodes, type QuantizedTable } from '../engine/quantization/quantizeEmbedding';
import type { PackedData, TableData, TensorData } from '../formats/torch/archive';
import { planTorchFile, type StateDict, type StateItem, type TorchStyle } from '../formats/torch/write';
import type { EngineName } from '../protocol/dto';
import type { ModuleKind } from './moduleKind';
import { type ModuleNode, walk } from './moduleTree';

/** A parameter of a state dict to write. */
export interface StateTensor extends TensorData {
  readonly name: string;
  /** Its name in the file: a checkpoint's state dict has a prefix there. */
  readonly source: string;
}

/** A module of the state dict: its own tensors, and what replaces them when it is quantized. */
export interface StateModule {
  readonly path: string;
  /** `_version` of its class; 1 where nothing else is said. */
  readonly version?: number;
  readonly tensors: readonly StateTensor[];
  readonly replacement: Replacement | undefined;
}

/** Shapes of the products of a dynamic module; data comes with the products themselves. */
export interface Replacement {
  readonly stored: DynamicModule['stored'];
  readonly products: readonly (PackedData & { readonly name: string })[];
  readonly table?: TableData;
}

/**
 * The state dict that torch.save would get after quantize_dynamic. `versions` are the float
 * model's module versions, so that modules without parameters keep their place.
 */
export function quantizedStateDict(modules: readonly StateModule[], versions: ReadonlyMap<string, number>): StateDict {
  const items: StateItem[] = [];
  const replaced = new Map<string, Replacement>();
  for (const { path, tensors, replacement } of modules) {
    if (replacement === undefined) {
      for (const tensor of tensors) items.push({ kind: 'tensor', name: tensor.name, tensor });
      continue;
    }
    replaced.set(path, replacement);
    items.push(...quantizedItems(path, replacement));
  }
  return { items, versions: moduleVersions(modules, versions, replaced) };
}

function quantizedItems(path: string, { stored, products, table }: Replacement): StateItem[] {
  switch (stored) {
    case 'linear':
      return [{ kind: 'dynamicLinear', path, product: products[0] }];
    case 'recurrent':
      return [{ kind: 'dynamicRecurrent', path, cells: cells(products.map(withBias)) }];
    case 'cell': {
      const [input, hidden] = products.map(withBias);
      return [{ kind: 'dynamicCell', path, input, hidden }];
    }
    case 'table':
      return table === undefined ? [] : [{ kind: 'table', path, table }];
    // PyTorch has no module for these: tensors under the float module's own names.
    case 'none':
      return products.flatMap(({ name, weight, bias }): StateItem[] => [
        { kind: weight.dtype === 'qint8' ? 'quantizedTensor' : 'tensor', name: below(path, name), tensor: weight },
        ...(bias === undefined
          ? []
          : [{ kind: 'tensor' as const, name: below(path, name.replace('weight', 'bias')), tensor: bias }]),
      ]);
  }
}

/** PyTorch's packed cells have a bias in any case; one of zeros gives the same numbers as none. */
export function withBias({ weight, bias }: PackedData): PackedData {
  return { weight, bias: bias ?? floatData(new Float32Array(weight.shape[0]), [weight.shape[0]]) };
}

/** Input and hidden product of every layer and direction. */
export function cells<T>(products: readonly T[]) {
  return Array.from({ length: products.length / 2 }, (_, k) => ({
    input: products[2 * k],
    hidden: products[2 * k + 1],
  }));
}

/** Versions as PyTorch's modules carry them: dynamic Linear 4, its packed parameters 3, dynamic RNNs 2. */
function moduleVersions(
  modules: readonly StateModule[],
  versions: ReadonlyMap<string, number>,
  replaced: ReadonlyMap<string, Replacement>,
): [string, number][] {
  const left = [...versions].filter(([path]) => !isBelow(path, replaced));
  const paths = versions.size > 0 ? left : modules.map(({ path, version = 1 }): [string, number] => [path, version]);
  return paths.flatMap(([path, version]): [string, number][] => {
    const replacement = replaced.get(path);
    if (replacement === undefined || replacement.stored === 'none' || replacement.stored === 'cell') {
      return [[path, version]];
    }
    if (replacement.stored === 'table')
      return [
        [path, 1],
        [below(path, '_packed_params'), 1],
      ];
    if (replacement.stored === 'linear')
      return [
        [path, 4],
        [below(path, '_packed_params'), 3],
      ];
    const values = below(path, '_all_weight_values');
    const each = cells(replacement.products).map((_, k): [string, number] => [`${values}.${k}`, 1]);
    return [[path, 2], [values, 1], ...each];
  });
}

function isBelow(path: string, replaced: ReadonlyMap<string, unknown>): boolean {
  for (let at = path.lastIndexOf('.'); at > 0; at = path.lastIndexOf('.', at - 1)) {
    if (replaced.has(path.slice(0, at))) return true;
  }
  return false;
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** The products of a dynamic module with their data, as the writer takes them. */
function packedData({ name, weight, bias }: PackedLinear): PackedData & { readonly name: string } {
  return {
    name,
    weight: {
      dtype: 'qint8',
      shape: [weight.rows, weight.columns],
      scales: [...weight.scales],
      perChannel: weight.scheme === 'per_channel',
      data: async () => new Uint8Array(weight.codes.buffer, weight.codes.byteOffset, weight.codes.byteLength),
    },
    bias: bias && floatData(bias, [weight.rows]),
  };
}

export function floatData(values: Float32Array, shape: readonly number[]): TensorData {
  return {
    dtype: 'float32',
    shape,
    data: async () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

/** How PyTorch keeps the dynamic twin of a module of this kind. */
export function storedForm(kind: ModuleKind | undefined): DynamicModule['stored'] {
  switch (kind?.type) {
    case 'LSTM':
    case 'GRU':
      return kind.projSize > 0 ? 'none' : 'recurrent';
    case 'LSTMCell':
    case 'GRUCell':
    case 'RNNCell':
      return 'cell';
    case 'Linear':
    case 'LinearReLU':
    case 'Conv1D':
      return 'linear';
    default:
      return 'none';
  }
}

/** What stands in the state dict for a module; `halfStorage` keeps half precision as it is. */
export function replacementOf(module: DynamicModule, halfStorage = false): Replacement {
  const { stored, products, halves, table } = module;
  if (table !== undefined) return { stored, products: [], table: tableData(table) };
  if (halves === undefined) return { stored, products: products.map(packedData) };
  return {
    stored: halfStorage ? 'none' : stored,
    products: halves.map((half) => halfData(half, module.biases?.get(half.name), halfStorage)),
  };
}

function tableData(table: QuantizedTable): TableData {
  const { bits, rows, width, scales, zeroPoints } = table;
  return {
    dtype: bits === 8 ? 'quint8' : 'quint4x2',
    shape: [rows, width],
    scales,
    zeroPoints,
    data: async () => packedCodes(table),
  };
}

function halfData(half: HalfWeight, bias: Float32Array | undefined, halfStorage: boolean) {
  const { name, shape, patterns } = half;
  const bytes = (values: Uint16Array | Float32Array) =>
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return {
    name,
    weight: {
      dtype: halfStorage ? ('float16' as const) : ('float32' as const),
      shape,
      scales: [],
      perChannel: false,
      data: async () => bytes(halfStorage ? patterns : widenHalf(half)),
    },
    bias: bias && floatData(bias, [shape[0]]),
  };
}

/** Entries that are planned at a time: the objects of a pickle take kilobytes each. */
const plannedAtOnce = 100_000;

/**
 * Size of the file that torch.save would write, without any data. More entries than are planned at
 * once are planned in parts; each counts its memo anew, so that the sum is short by a few bytes a
 * tensor: half a percent where every tensor is a single number.
 */
export function plannedSize(state: StateDict, archiveName: string, style: TorchStyle, engine: EngineName): number {
  const { items, versions } = state;
  const parts = Math.max(1, Math.ceil(items.length / plannedAtOnce));
  let size = 0;
  for (let part = 0; part < parts; part++) {
    const share = <T>(list: readonly T[]) =>
      list.slice(Math.floor((part * list.length) / parts), Math.floor(((part + 1) * list.length) / parts));
    size += planTorchFile({ items: share(items), versions: share(versions) }, { archiveName, style, engine }).size;
  }
  return size;
}

/** torch.nn's classes whose `_version` is 2, since they got num_batches_tracked: all of _NormBase. */
const countsBatches = /^(Lazy)?(Sync)?(Batch|Instance)Norm(\dd)?$/;

/** Every module of a tree but those below a replaced one; without `dataOf` only sizes can be planned. */
export function stateModules(
  root: ModuleNode,
  prefix: string,
  replacement: (node: ModuleNode) => Replacement | undefined,
  dataOf: (tensorName: string) => TensorData['data'] = () => async () => new Uint8Array(0),
): StateModule[] {
  const replacements = new Map([...walk(root)].map((node) => [node.path, replacement(node)]));
  const gone = new Set<string>();
  for (const node of walk(root)) {
    if (replacements.get(node.path) === undefined && !gone.has(node.path)) continue;
    for (const { path } of node.children) gone.add(path);
  }
  const kept = [...walk(root)].filter(({ path }) => !gone.has(path));
  return kept.map((node) => ({
    path: stripped(node.path, prefix),
    version: countsBatches.test(node.type) ? 2 : 1,
    tensors: node.tensors.map(({ name, shape, dtype, tiedTo }) => ({
      name: stripped(name, prefix),
      source: name,
      shared: tiedTo ?? name,
      shape,
      dtype,
      data: dataOf(name),
    })),
    replacement: replacements.get(node.path),
  }));
}

function stripped(path: string, prefix: string): string {
  return prefix !== '' && path.startsWith(`${prefix}.`) ? path.slice(prefix.length + 1) : path === prefix ? '' : path;
}
