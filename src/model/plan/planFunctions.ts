/** What a plan can do between modules: one line of Python each, and nothing else. */

export type ArgumentType = 'int' | 'float' | 'ints';

export interface PlanFunction {
  /** How many values it takes; `many` is one list of two or more. */
  readonly values: 1 | 2 | 'many';
  /** Arguments by name; those with a default may be left out. */
  readonly arguments: Readonly<Record<string, { readonly type: ArgumentType; readonly default?: number }>>;
  /** The Python of a call; values and arguments are names and literals already. */
  readonly python: (values: readonly string[], args: Readonly<Record<string, string>>) => string;
  readonly says: string;
}

const activation = (call: string, says: string): PlanFunction => ({
  values: 1,
  arguments: {},
  python: ([x]) => `${call}(${x})`,
  says,
});
const lastDim = { dim: { type: 'int', default: -1 } } as const;
const overDim = (call: string, says: string): PlanFunction => ({
  values: 1,
  arguments: lastDim,
  python: ([x], { dim }) => `${call}(${x}, dim=${dim})`,
  says,
});
const pool = (call: string): PlanFunction => ({
  values: 1,
  arguments: { kernel_size: { type: 'int' } },
  python: ([x], { kernel_size: size }) => `F.${call}(${x}, ${size})`,
  says: `F.${call}, with a stride of its kernel`,
});
const adaptive = (call: string): PlanFunction => ({
  values: 1,
  arguments: { output_size: { type: 'int' } },
  python: ([x], { output_size: size }) => `F.${call}(${x}, ${size})`,
  says: `F.${call}`,
});

/** By name, in the order of the documentation. */
export const planFunctions: ReadonlyMap<string, PlanFunction> = new Map<string, PlanFunction>([
  ['relu', activation('torch.relu', 'max(x, 0)')],
  ['tanh', activation('torch.tanh', 'tanh')],
  ['sigmoid', activation('torch.sigmoid', '1 / (1 + exp(−x))')],
  ['gelu', activation('F.gelu', 'GELU with erf')],
  ['silu', activation('F.silu', 'x · sigmoid(x)')],
  ['leaky_relu', activation('F.leaky_relu', 'with a slope of 0.01 below 0')],
  ['elu', activation('F.elu', 'exp(x) − 1 below 0')],
  ['softmax', overDim('torch.softmax', 'shares that add up to 1 along `dim`')],
  ['log_softmax', overDim('torch.log_softmax', 'their logarithms')],
  [
    'last_step',
    {
      values: 1,
      arguments: { dim: { type: 'int', default: 0 } },
      python: ([x], { dim }) => `${x}.select(${dim}, -1)`,
      says: 'the last entry along `dim`: the last time step',
    },
  ],
  ['mean', { ...overDim('torch.mean', 'the mean along `dim`'), arguments: { dim: { type: 'int' } } }],
  [
    'max',
    {
      values: 1,
      arguments: { dim: { type: 'int' } },
      python: ([x], { dim }) => `torch.amax(${x}, dim=${dim})`,
      says: 'the largest along `dim`',
    },
  ],
  [
    'flatten',
    {
      values: 1,
      arguments: { start_dim: { type: 'int', default: 1 } },
      python: ([x], { start_dim: start }) => `torch.flatten(${x}, ${start})`,
      says: 'all dimensions from `start_dim` as one',
    },
  ],
  [
    'transpose',
    {
      values: 1,
      arguments: { dim0: { type: 'int' }, dim1: { type: 'int' } },
      python: ([x], { dim0, dim1 }) => `${x}.transpose(${dim0}, ${dim1})`,
      says: 'two dimensions changed',
    },
  ],
  [
    'permute',
    {
      values: 1,
      arguments: { dims: { type: 'ints' } },
      python: ([x], { dims }) => `${x}.permute(${dims})`,
      says: 'dimensions in another order',
    },
  ],
  [
    'reshape',
    {
      values: 1,
      arguments: { shape: { type: 'ints' } },
      python: ([x], { shape }) => `${x}.reshape(${shape})`,
      says: 'another shape; one size may be −1',
    },
  ],
  [
    'unsqueeze',
    {
      values: 1,
      arguments: { dim: { type: 'int' } },
      python: ([x], { dim }) => `${x}.unsqueeze(${dim})`,
      says: 'a new dimension of 1',
    },
  ],
  [
    'squeeze',
    {
      values: 1,
      arguments: { dim: { type: 'int' } },
      python: ([x], { dim }) => `${x}.squeeze(${dim})`,
      says: 'a dimension of 1 away',
    },
  ],
  [
    'scale',
    {
      values: 1,
      arguments: { factor: { type: 'float' } },
      python: ([x], { factor }) => `${x} * ${factor}`,
      says: 'times a number, such as √d of an embedding',
    },
  ],
  ['add', { values: 2, arguments: {}, python: ([a, b]) => `${a} + ${b}`, says: 'a residual connection' }],
  ['mul', { values: 2, arguments: {}, python: ([a, b]) => `${a} * ${b}`, says: 'a gate' }],
  [
    'cat',
    {
      values: 'many',
      arguments: lastDim,
      python: (values, { dim }) => `torch.cat((${values.join(', ')}), dim=${dim})`,
      says: 'joined along `dim`',
    },
  ],
  ['max_pool1d', pool('max_pool1d')],
  ['max_pool2d', pool('max_pool2d')],
  ['avg_pool1d', pool('avg_pool1d')],
  ['avg_pool2d', pool('avg_pool2d')],
  ['adaptive_avg_pool1d', adaptive('adaptive_avg_pool1d')],
  ['adaptive_avg_pool2d', adaptive('adaptive_avg_pool2d')],
]);
