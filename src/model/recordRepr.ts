import type { ModuleRecord, PlainValue } from '../formats/types';

/**
 * `extra_repr()` of modules whose class and attributes the file holds. Sources: the extra_repr
 * methods of torch.nn and torch.ao.nn.quantized, PyTorch 1.13 and 2.x.
 */
export interface ReprContext {
  /** Names of the module's own parameters and buffers. */
  readonly parameters: ReadonlySet<string>;
  /** `per_tensor_affine` and its kin, of a module with a packed weight. */
  readonly qscheme: string | undefined;
  /** Which PyTorch's spelling: 2.x names the bias of a norm, quotes the mode of a bag. */
  readonly torch: '1.13' | '2';
}

type Extra = (a: Attributes, context: ReprContext) => string;

class Attributes {
  /** Set once something was asked for that the file does not have. */
  missing = false;

  constructor(private readonly record: ModuleRecord) {}

  get(name: string): PlainValue | undefined {
    return Object.hasOwn(this.record.attributes, name) ? this.record.attributes[name] : undefined;
  }

  /** Python's repr of an attribute. */
  text(name: string): string {
    const value = this.get(name);
    if (value === undefined) this.missing = true;
    return pythonRepr(value ?? null);
  }

  /** Python's str of an attribute: a string without its quotes. */
  plain(name: string): string {
    const value = this.get(name);
    return typeof value === 'string' ? value : this.text(name);
  }

  float(name: string): string {
    const value = this.get(name);
    return typeof value === 'number' ? pythonFloat(value) : this.text(name);
  }

  is(name: string, value: PlainValue): boolean {
    return (this.get(name) ?? null) === value;
  }

  /** A tuple such as a kernel size, compared with one number. */
  every(name: string, value: number): boolean {
    const items = this.get(name);
    return Array.isArray(items) ? items.every((item) => item === value) : items === value;
  }

  /** `name=value` for each name. */
  pairs(...names: readonly string[]): string[] {
    return names.map((name) => `${name}=${this.text(name)}`);
  }
}

/** Python's repr of a float: `0.5`, `1.0`, `1e-05`. */
function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    const [digits, exponent] = value.toExponential().split('e');
    const sign = exponent.startsWith('-') ? '-' : '+';
    return `${digits}e${sign}${exponent.slice(1).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function pythonRepr(value: PlainValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : pythonFloat(value);
  if (typeof value === 'string') return value.startsWith('torch.') ? value : `'${value}'`;
  return value.length === 1 ? `(${pythonRepr(value[0])},)` : `(${value.map(pythonRepr).join(', ')})`;
}

const nothing: Extra = () => '';
const inplaceIfSet = (a: Attributes) => (a.is('inplace', true) ? ['inplace=True'] : []);
const inplace: Extra = (a) => inplaceIfSet(a).join();
const alpha: Extra = (a) => [`alpha=${a.float('alpha')}`, ...inplaceIfSet(a)].join(', ');
const dimension: Extra = (a) => `dim=${a.text('dim')}`;

/** A single scale factor is a float, whatever it was made with. */
const upsample: Extra = (a, { torch }) =>
  [
    a.is('scale_factor', null) ? `size=${a.text('size')}` : `scale_factor=${a.float('scale_factor')}`,
    `mode=${torch === '2' ? a.text('mode') : a.plain('mode')}`,
  ].join(', ');

/** The order of torch.nn.RNNBase.extra_repr; what equals the default is not printed. */
const recurrent: Extra = (a) =>
  [
    `${a.text('input_size')}, ${a.text('hidden_size')}`,
    ...(a.is('proj_size', 0) || a.get('proj_size') === undefined ? [] : a.pairs('proj_size')),
    ...(a.is('num_layers', 1) ? [] : a.pairs('num_layers')),
    ...(a.is('bias', true) ? [] : a.pairs('bias')),
    ...(a.is('batch_first', true) ? a.pairs('batch_first') : []),
    ...(a.is('dropout', 0) || a.get('dropout') === undefined ? [] : [`dropout=${a.float('dropout')}`]),
    ...(a.is('bidirectional', true) ? a.pairs('bidirectional') : []),
  ].join(', ');

const cell: Extra = (a) =>
  [
    `${a.text('input_size')}, ${a.text('hidden_size')}`,
    ...(a.is('bias', true) || a.get('bias') === undefined ? [] : a.pairs('bias')),
    ...(a.get('nonlinearity') === undefined || a.is('nonlinearity', 'tanh')
      ? []
      : [`nonlinearity=${a.get('nonlinearity')}`]),
  ].join(', ');

const convolution: Extra = (a, { parameters }) =>
  [
    `${a.text('in_channels')}, ${a.text('out_channels')}`,
    ...a.pairs('kernel_size', 'stride'),
    ...(a.every('padding', 0) ? [] : [`padding=${a.plain('padding')}`]),
    ...(a.every('dilation', 1) ? [] : a.pairs('dilation')),
    ...(a.get('output_padding') === undefined || a.every('output_padding', 0) ? [] : a.pairs('output_padding')),
    ...(a.is('groups', 1) ? [] : a.pairs('groups')),
    ...(parameters.has('bias') ? [] : ['bias=False']),
    ...(a.is('padding_mode', 'zeros') || a.get('padding_mode') === undefined
      ? []
      : [`padding_mode=${a.get('padding_mode')}`]),
  ].join(', ');

const batchNorm: Extra = (a, { parameters, torch }) =>
  [
    a.text('num_features'),
    `eps=${a.float('eps')}`,
    `momentum=${a.float('momentum')}`,
    ...a.pairs('affine'),
    ...(torch === '2' ? [`bias=${pythonRepr(parameters.has('bias'))}`] : []),
    ...a.pairs('track_running_stats'),
  ].join(', ');

const dropout: Extra = (a) => `p=${a.float('p')}, ${a.pairs('inplace')[0]}`;

const embedding: Extra = (a) =>
  [
    `${a.text('num_embeddings')}, ${a.text('embedding_dim')}`,
    ...(a.is('padding_idx', null) ? [] : a.pairs('padding_idx')),
    ...(a.is('max_norm', null) ? [] : [`max_norm=${a.float('max_norm')}`]),
    ...(a.get('norm_type') === undefined || a.is('norm_type', 2) ? [] : [`norm_type=${a.float('norm_type')}`]),
    ...(a.is('scale_grad_by_freq', true) ? a.pairs('scale_grad_by_freq') : []),
    ...(a.is('sparse', true) ? ['sparse=True'] : []),
  ].join(', ');

const embeddingBag: Extra = (a, context) => {
  const mode = context.torch === '2' ? a.text('mode') : String(a.get('mode'));
  const rest = embedding(a, context).split(', ');
  return [...rest.slice(0, 2), ...rest.slice(2).filter((part) => !part.startsWith('padding_idx')), `mode=${mode}`]
    .concat(a.is('padding_idx', null) ? [] : a.pairs('padding_idx'))
    .join(', ');
};

const linear: Extra = (a, { parameters }) =>
  [...a.pairs('in_features', 'out_features'), `bias=${pythonRepr(parameters.has('bias'))}`].join(', ');

/** A weight that is half precision has no scheme. */
const dynamicLinear: Extra = (a, { qscheme }) =>
  [
    ...a.pairs('in_features', 'out_features'),
    `dtype=${a.get('dtype') ?? (qscheme === undefined ? 'torch.float16' : 'torch.qint8')}`,
    ...(qscheme === undefined ? [] : [`qscheme=torch.${qscheme}`]),
  ].join(', ');

const staticLinear: Extra = (a, { qscheme }) =>
  [
    ...a.pairs('in_features', 'out_features'),
    ...(a.get('scale') === undefined ? [] : [`scale=${a.float('scale')}`, `zero_point=${a.text('zero_point')}`]),
    ...(qscheme === undefined ? [] : [`qscheme=torch.${qscheme}`]),
  ].join(', ');

const quantizedEmbedding: Extra = (a, { qscheme }) =>
  [
    ...a.pairs('num_embeddings', 'embedding_dim', 'dtype'),
    ...(qscheme === undefined ? [] : [`qscheme=torch.${qscheme}`]),
  ].join(', ');

const pool: Extra = (a) => [...a.pairs('kernel_size', 'stride', 'padding', 'dilation', 'ceil_mode')].join(', ');
const averagePool: Extra = (a) => a.pairs('kernel_size', 'stride', 'padding').join(', ');
const adaptivePool: Extra = (a) => `output_size=${a.text('output_size')}`;

const extras: Readonly<Record<string, Extra>> = {
  Linear: linear,
  NonDynamicallyQuantizableLinear: linear,
  Bilinear: (a, { parameters }) =>
    [...a.pairs('in1_features', 'in2_features', 'out_features'), `bias=${pythonRepr(parameters.has('bias'))}`].join(
      ', ',
    ),
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  LSTMCell: cell,
  GRUCell: cell,
  RNNCell: cell,
  Embedding: embedding,
  EmbeddingBag: embeddingBag,
  Conv1d: convolution,
  Conv2d: convolution,
  Conv3d: convolution,
  ConvTranspose1d: convolution,
  ConvTranspose2d: convolution,
  ConvTranspose3d: convolution,
  BatchNorm1d: batchNorm,
  BatchNorm2d: batchNorm,
  BatchNorm3d: batchNorm,
  LayerNorm: (a, { parameters, torch }) =>
    [
      a.text('normalized_shape'),
      `eps=${a.float('eps')}`,
      ...a.pairs('elementwise_affine'),
      ...(torch === '2' ? [`bias=${pythonRepr(parameters.has('bias'))}`] : []),
    ].join(', '),
  InstanceNorm1d: batchNorm,
  InstanceNorm2d: batchNorm,
  InstanceNorm3d: batchNorm,
  GroupNorm: (a, { parameters, torch }) =>
    [
      a.text('num_groups'),
      a.text('num_channels'),
      `eps=${a.float('eps')}`,
      ...a.pairs('affine'),
      ...(torch === '2' ? [`bias=${pythonRepr(parameters.has('bias'))}`] : []),
    ].join(', '),
  RMSNorm: (a) => [a.text('normalized_shape'), `eps=${a.float('eps')}`, ...a.pairs('elementwise_affine')].join(', '),
  Dropout: dropout,
  Dropout1d: dropout,
  Dropout2d: dropout,
  Dropout3d: dropout,
  AlphaDropout: dropout,
  ReLU: inplace,
  ReLU6: inplace,
  SiLU: inplace,
  Mish: inplace,
  GELU: (a) => `approximate=${a.text('approximate')}`,
  Softmax: dimension,
  LogSoftmax: dimension,
  Flatten: (a) => a.pairs('start_dim', 'end_dim').join(', '),
  Unflatten: (a) => a.pairs('dim', 'unflattened_size').join(', '),
  LeakyReLU: (a) => [`negative_slope=${a.float('negative_slope')}`, ...inplaceIfSet(a)].join(', '),
  ELU: alpha,
  CELU: alpha,
  SELU: inplace,
  RReLU: (a) => [`lower=${a.float('lower')}, upper=${a.float('upper')}`, ...inplaceIfSet(a)].join(', '),
  Threshold: (a) => [...a.pairs('threshold', 'value'), ...inplaceIfSet(a)].join(', '),
  Hardshrink: (a) => a.float('lambd'),
  Softshrink: (a) => a.float('lambd'),
  GLU: dimension,
  Softmin: dimension,
  PixelShuffle: (a) => a.pairs('upscale_factor').join(),
  PixelUnshuffle: (a) => a.pairs('downscale_factor').join(),
  ChannelShuffle: (a) => a.pairs('groups').join(),
  Upsample: upsample,
  UpsamplingNearest2d: upsample,
  UpsamplingBilinear2d: upsample,
  PReLU: (a) => `num_parameters=${a.text('num_parameters')}`,
  Hardtanh: (a) => [`min_val=${a.float('min_val')}`, `max_val=${a.float('max_val')}`, ...inplaceIfSet(a)].join(', '),
  Softplus: (a, { torch }) =>
    torch === '2'
      ? `beta=${a.float('beta')}, threshold=${a.float('threshold')}`
      : a.pairs('beta', 'threshold').join(', '),
  MaxPool1d: pool,
  MaxPool2d: pool,
  MaxPool3d: pool,
  AvgPool1d: averagePool,
  AvgPool2d: averagePool,
  AvgPool3d: averagePool,
  AdaptiveAvgPool1d: adaptivePool,
  AdaptiveAvgPool2d: adaptivePool,
  AdaptiveAvgPool3d: adaptivePool,
  AdaptiveMaxPool1d: adaptivePool,
  AdaptiveMaxPool2d: adaptivePool,
  AdaptiveMaxPool3d: adaptivePool,
  DynamicQuantizedLinear: dynamicLinear,
  DynamicQuantizedLinearReLU: dynamicLinear,
  DynamicQuantizedLSTM: recurrent,
  DynamicQuantizedGRU: recurrent,
  DynamicQuantizedLSTMCell: cell,
  DynamicQuantizedGRUCell: cell,
  DynamicQuantizedRNNCell: cell,
  QuantizedLinear: staticLinear,
  QuantizedEmbedding: quantizedEmbedding,
  QuantizedEmbeddingBag: quantizedEmbedding,
};

/** Classes whose extra_repr is known to be PyTorch's; a class of the same name elsewhere may print anything. */
const torchClass = /^torch\.(ao\.)?nn\./;

/** `LSTM(64, 64, num_layers=2, dropout=0.5)`; undefined for classes that are not PyTorch's, and where attributes are missing. */
export function recordRepr(record: ModuleRecord, type: string, context: ReprContext): string | undefined {
  if (!torchClass.test(record.className)) return undefined;
  const extra = Object.hasOwn(extras, type) ? extras[type] : nothing;
  const attributes = new Attributes(record);
  const text = `${type}(${extra(attributes, context)})`;
  return attributes.missing ? undefined : text;
}

/** Whether fuse_modules made it: a pair or triple that stands for one operation. */
export function isFusedRecord({ className }: ModuleRecord): boolean {
  return /^torch\.(ao\.)?nn\.intrinsic\.modules\.fused\./.test(className);
}

const dynamicClasses: readonly string[] = ['Linear', 'LinearReLU', 'LSTM', 'GRU', 'LSTMCell', 'GRUCell', 'RNNCell'];

/** The float class that quantize_dynamic made this dynamic module or table from; undefined for other classes. */
export function storedClass({ className }: ModuleRecord): string | undefined {
  const name = className.slice(className.lastIndexOf('.') + 1);
  if (/^torch\.(ao\.)?nn\.(intrinsic\.)?quantized\.dynamic\./.test(className))
    return dynamicClasses.includes(name) ? name : undefined;
  const table = /^torch\.(ao\.)?nn\.quantized\.modules\.embedding_ops\.(Embedding|EmbeddingBag)$/.exec(className);
  return table?.[2];
}

/** Whether quantize_dynamic has been here: the module's weights are packed. */
export function isQuantizedRecord({ className }: ModuleRecord): boolean {
  return /^torch\.(ao\.)?nn\.(intrinsic\.)?quantized\./.test(className);
}
