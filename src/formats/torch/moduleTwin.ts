import { Dict, Float, Interned, List, NewObject, OrderedDict, type Picklable, Reduce, Tuple } from '../pickle/write';
import {
  type Archive,
  type PackedData,
  packedDType,
  packedLinearClass,
  type TableData,
  type TensorData,
} from './archive';

/** The dynamic twin of a module in a whole-module file. */
export type ModuleTwin =
  | { readonly kind: 'linear'; readonly fused: boolean; readonly product: PackedData }
  | {
      readonly kind: 'recurrent';
      readonly type: 'LSTM' | 'GRU';
      readonly cells: readonly { readonly input: PackedData; readonly hidden: PackedData }[];
    }
  | {
      readonly kind: 'cell';
      readonly type: 'LSTMCell' | 'GRUCell' | 'RNNCell';
      readonly input: PackedData;
      readonly hidden: PackedData;
    }
  | { readonly kind: 'table'; readonly type: 'Embedding' | 'EmbeddingBag'; readonly table: TableData };

export interface TwinContext {
  readonly archive: Archive;
  /** Whose attributes a new module has: 1.13's, or those of 2.x. */
  readonly style: '1.13' | '2';
  /** Attributes of the float module. */
  readonly state: Dict;
  /** The one object of an attribute's name. */
  name(text: string): Interned;
}

const dynamic = 'torch.ao.nn.quantized.dynamic.modules';
/** Moved below torch.ao after 1.13; 2.x finds the old place too. */
const intrinsic = { '1.13': 'torch.nn.intrinsic', '2': 'torch.ao.nn.intrinsic' } as const;
const quantized = 'torch.ao.nn.quantized.modules';
const tableClass = '__torch__.torch.classes.quantized.EmbeddingPackedParamsBase';

/** The object that quantize_dynamic puts in a module's place, with the attributes in PyTorch's order. */
export function twinObject(twin: ModuleTwin, context: TwinContext): NewObject {
  switch (twin.kind) {
    case 'linear':
      return linearObject(twin, context);
    case 'recurrent':
      return recurrentObject(twin, context);
    case 'cell':
      return cellObject(twin, context);
    case 'table':
      return tableObject(twin, context);
  }
}

type Attribute = readonly [name: string, value: Picklable];

/** A torch.nn.Module; `children` come before the attributes that its class sets. */
function moduleObject(
  { archive, style, name }: TwinContext,
  [module, className]: readonly [module: string, className: string],
  training: boolean,
  children: () => [Picklable, Picklable][],
  attributes: () => readonly Attribute[],
): NewObject {
  const cls = archive.global(module, className);
  const empty = (): Picklable => new OrderedDict([]);
  // Dicts of Python 3.7 keep their order, so 2.x has plain ones where 1.13 had OrderedDicts.
  const dict = (entries: [Picklable, Picklable][]): Picklable =>
    style === '2' ? new Dict(entries) : new OrderedDict(entries);
  const state: Attribute[] = [
    ['training', training],
    ['_parameters', dict([])],
    ['_buffers', dict([])],
    ['_non_persistent_buffers_set', new Reduce(archive.global('__builtin__', 'set'), new Tuple([new List([])]))],
    ...(style === '2' ? currentHooks : hooks).map((hook): Attribute => [hook, hook === fullHook ? null : empty()]),
    ['_modules', dict(children())],
    ...attributes(),
  ];
  return new NewObject(cls, { state: new Dict(state.map(([key, value]) => [name(key), value])) });
}

const fullHook = '_is_full_backward_hook';
const hooks = [
  '_backward_hooks',
  fullHook,
  '_forward_hooks',
  '_forward_pre_hooks',
  '_state_dict_hooks',
  '_load_state_dict_pre_hooks',
  '_load_state_dict_post_hooks',
];
const currentHooks = [
  '_backward_pre_hooks',
  '_backward_hooks',
  fullHook,
  '_forward_hooks',
  '_forward_hooks_with_kwargs',
  '_forward_hooks_always_called',
  '_forward_pre_hooks',
  '_forward_pre_hooks_with_kwargs',
  '_state_dict_hooks',
  '_state_dict_pre_hooks',
  '_load_state_dict_pre_hooks',
  '_load_state_dict_post_hooks',
];

const none = (): [] => [];

/** `fused`: with the ReLU that follows, as torch.ao.nn.intrinsic has them. */
function linearObject({ product, fused }: Extract<ModuleTwin, { kind: 'linear' }>, context: TwinContext): NewObject {
  const { archive, name } = context;
  const [rows, columns] = product.weight.shape;
  const packed = () =>
    moduleObject(context, [`${quantized}.linear`, 'LinearPackedParams'], true, none, () => [
      ['dtype', archive.global('torch', packedDType(product))],
      ['_packed_params', archive.scriptObject(archive.packedLinear(product), packedLinearClass)],
    ]);
  return moduleObject(
    context,
    fused
      ? [`${intrinsic[context.style]}.quantized.dynamic.modules.linear_relu`, 'LinearReLU']
      : [`${dynamic}.linear`, 'Linear'],
    true,
    () => [[name('_packed_params'), packed()]],
    () => [
      ['in_features', columns],
      ['out_features', rows],
      ['scale', new Float(1)],
      ['zero_point', 0],
      ['version', 4],
    ],
  );
}

function recurrentObject({ type, cells }: Extract<ModuleTwin, { kind: 'recurrent' }>, context: TwinContext): NewObject {
  const { archive, name } = context;
  const parameter = (cell: (typeof cells)[number]) =>
    moduleObject(context, [`${dynamic}.rnn`, 'PackedParameter'], true, none, () => [
      ['param', archive.cell(cell.input, cell.hidden)],
    ]);
  const list = () =>
    moduleObject(
      context,
      ['torch.nn.modules.container', 'ModuleList'],
      true,
      // Numbers as text are made anew for every list.
      () => cells.map((cell, i) => [String(i), parameter(cell)]),
      none,
    );
  const copied = ['mode', 'input_size', 'hidden_size', 'num_layers', 'bias', 'batch_first', 'dropout', 'bidirectional'];
  return moduleObject(
    context,
    [`${dynamic}.rnn`, type],
    false,
    () => [[name('_all_weight_values'), list()]],
    () => [
      ...copied.map((key): Attribute => [key, attribute(context, key)]),
      ['dtype', archive.global('torch', packedDType(cells[0].input))],
      ['version', 2],
    ],
  );
}

function cellObject({ type, input, hidden }: Extract<ModuleTwin, { kind: 'cell' }>, context: TwinContext): NewObject {
  const { archive } = context;
  return moduleObject(context, [`${dynamic}.rnn`, type], true, none, () => [
    ...['input_size', 'hidden_size', 'bias'].map((key): Attribute => [key, attribute(context, key)]),
    ['weight_dtype', archive.global('torch', packedDType(input))],
    ['bias_ih', archive.tensor(input.bias as TensorData)],
    ['bias_hh', archive.tensor(hidden.bias as TensorData)],
    ['_packed_weight_ih', archive.cellProduct(input)],
    ['_packed_weight_hh', archive.cellProduct(hidden)],
    ...(type === 'RNNCell' ? [['nonlinearity', attribute(context, 'nonlinearity')] as const] : []),
  ]);
}

function tableObject({ type, table }: Extract<ModuleTwin, { kind: 'table' }>, context: TwinContext): NewObject {
  const { archive, name } = context;
  const [rows, width] = table.shape;
  const dtype = () => archive.global('torch', table.dtype);
  const bits = table.dtype === 'quint4x2' ? 4 : 8;
  const packed = () =>
    moduleObject(context, [`${quantized}.embedding_ops`, 'EmbeddingPackedParams'], true, none, () => [
      ['dtype', dtype()],
      [
        '_packed_weight',
        archive.scriptObject(
          new Tuple([1, new List([archive.table(table)]), new List([]), new List([bits])]),
          tableClass,
        ),
      ],
    ]);
  // PyTorch drops the bag's own mode.
  const bag: Attribute[] = [
    ['mode', 'sum'],
    ['pruned_weights', false],
    ['include_last_offset', false],
  ];
  return moduleObject(
    context,
    [`${quantized}.embedding_ops`, type],
    true,
    () => [[name('_packed_params'), packed()]],
    () => [
      ['num_embeddings', rows],
      ['embedding_dim', width],
      ['dtype', dtype()],
      ...(type === 'EmbeddingBag' ? bag : []),
    ],
  );
}

/** An attribute of the float module; Python would not have made one without it. */
function attribute({ state }: TwinContext, key: string): Picklable {
  const found = state.entries.find(([name]) => name instanceof Interned && name.text === key);
  return found === undefined ? null : found[1];
}
