import type { ModuleRecord, NamedTensor, PlainValue, TensorRecord, Warning } from '../types';
import { recurrentForm } from './packed';

/** A module whose weights were packed, with the places of its tensors in the list. */
export interface PackedModule {
  readonly kind: 'linear' | 'embedding' | 'cell' | 'recurrent';
  readonly weights: {
    readonly at: number;
    readonly name: string;
    readonly index: number;
    readonly tensor: TensorRecord;
  }[];
}

interface Target {
  readonly tensors: NamedTensor[];
  readonly moduleTypes: Map<string, string>;
  readonly moduleVersions: ReadonlyMap<string, number>;
  readonly modules: Map<string, ModuleRecord>;
  readonly warnings: Warning[];
}

const dynamicModules = 'torch.ao.nn.quantized.dynamic.modules';

/** Names the weights of packed modules and says what the modules are, where the file does not say it itself. */
export function packedModules(packed: ReadonlyMap<string, PackedModule>, target: Target): void {
  for (const [path, module] of packed) {
    const given = target.modules.get(path);
    const record = recordOf(path, module, given, target);
    if (given !== undefined || record === undefined) continue;
    target.modules.set(path, record);
    target.moduleTypes.set(path, shown(record.className));
  }
}

function shown(className: string): string {
  const name = className.split('.').at(-1) ?? className;
  return className.startsWith(dynamicModules) && !/embedding/.test(className)
    ? `DynamicQuantized${name}`
    : `Quantized${name}`;
}

function recordOf(
  path: string,
  module: PackedModule,
  given: ModuleRecord | undefined,
  target: Target,
): ModuleRecord | undefined {
  if (module.kind === 'recurrent') return recurrentRecord(path, module, given, target);
  const weight = module.weights.find(({ name }) => name.startsWith('weight'))?.tensor;
  if (weight?.shape.length !== 2) return undefined;
  const [rows, columns] = weight.shape;
  const dtype = shownDtype(weight);
  if (module.kind === 'embedding') {
    // Only bags are quantized to 4 bits by PyTorch's default spec; their state dicts are else the same.
    const bag = dtype === 'torch.quint4x2' || /bag/i.test(path.slice(path.lastIndexOf('.') + 1));
    return made(`torch.ao.nn.quantized.modules.embedding_ops.Embedding${bag ? 'Bag' : ''}`, {
      num_embeddings: rows,
      embedding_dim: columns,
      dtype,
    });
  }
  if (module.kind === 'cell') return cellRecord(module, dtype);
  // PyTorch's dynamic Linear has been version 4 since 1.3; a static one is version 3.
  const version = target.moduleVersions.get(path) ?? target.moduleVersions.get(path.replace(/^[^.]*\./, ''));
  const className = version === 3 ? 'torch.ao.nn.quantized.modules.linear.Linear' : `${dynamicModules}.linear.Linear`;
  return made(className, { in_features: columns, out_features: rows, dtype });
}

/** A packed weight that is not quantized was rounded to half precision and widened again. */
function shownDtype({ dtype, quantization }: TensorRecord): string {
  return quantization === undefined ? 'torch.float16' : `torch.${dtype}`;
}

function made(className: string, attributes: Record<string, PlainValue>): ModuleRecord {
  return { className, attributes, children: [] };
}

function cellRecord({ weights }: PackedModule, dtype: string): ModuleRecord | undefined {
  const ih = weights.find(({ name }) => name === 'weight_ih')?.tensor;
  const hh = weights.find(({ name }) => name === 'weight_hh')?.tensor;
  if (ih?.shape.length !== 2 || hh?.shape.length !== 2) return undefined;
  const hidden = hh.shape[1];
  const name = { 4: 'LSTMCell', 3: 'GRUCell', 1: 'RNNCell' }[hh.shape[0] / hidden];
  if (name === undefined) return undefined;
  return made(`${dynamicModules}.rnn.${name}`, { input_size: ih.shape[1], hidden_size: hidden, bias: true, dtype });
}

/** Gives the cells of a dynamic LSTM or GRU their layer and direction: `weight_ih_l1_reverse`. */
function recurrentRecord(
  path: string,
  { weights }: PackedModule,
  given: ModuleRecord | undefined,
  target: Target,
): ModuleRecord | undefined {
  const cells = new Map<number, { ih?: TensorRecord; hh?: TensorRecord }>();
  for (const { index, name, tensor } of weights) {
    const cell = cells.get(index) ?? {};
    cells.set(index, cell);
    if (name === 'weight_ih') cell.ih = tensor;
    if (name === 'weight_hh') cell.hh = tensor;
  }
  const whole = [...cells.entries()]
    .sort(([a], [b]) => a - b)
    .flatMap(([, { ih, hh }]) => (ih !== undefined && hh !== undefined ? [{ ih, hh }] : []));
  const directionsGiven = given?.attributes.bidirectional;
  const form = recurrentForm(whole, typeof directionsGiven === 'boolean' ? directionsGiven : undefined);
  const directions = form?.bidirectional ? 2 : 1;
  for (const { at, name, index } of weights) {
    const suffix = `_l${Math.floor(index / directions)}${index % directions === 1 ? '_reverse' : ''}`;
    target.tensors[at] = {
      name: `${path === '' ? '' : `${path}.`}${name}${suffix}`,
      tensor: target.tensors[at].tensor,
    };
  }
  if (form === undefined) return undefined;
  if (form.ambiguous) {
    target.warnings.push({
      code: 'E_PT_AMBIGUOUS',
      message: `${path || 'The root'} has two cells of one shape, which may be two layers or two directions; the file does not say. They are shown as two layers.`,
    });
  }
  return made(`${dynamicModules}.rnn.${form.mode}`, {
    mode: form.mode,
    input_size: form.inputSize,
    hidden_size: form.hiddenSize,
    num_layers: form.numLayers,
    bias: true,
    bidirectional: form.bidirectional,
    dtype: shownDtype(whole[0].ih),
  });
}
