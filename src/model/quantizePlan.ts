import { type QConfigName, weightForms } from '../engine/quantization/qconfigs';
import type { QConfigOverrideDto, QuantizeSpecDto, SkippedModuleDto } from '../protocol/quantizeDto';
import type { ModuleKind } from './moduleKind';
import { type ModuleNode, packedTensors, type TensorEntry, walk } from './moduleTree';
import { baseQConfig, type Choice, cannotTake, choices, defaultTypes } from './qconfigSpec';
import { isQuantizedRecord } from './recordRepr';

/**
 * What quantize_dynamic would do to a module tree, decided from types and names alone: which
 * modules are replaced, which stay float, and why.
 */
export interface QuantizePlan<T extends TensorEntry = TensorEntry> {
  /** Modules to replace, by path, in the order of the file. */
  readonly quantized: ReadonlyMap<string, ModuleNode<T>>;
  /** What each of them gets. */
  readonly qconfigs: ReadonlyMap<string, QConfigName>;
  readonly skipped: readonly SkippedModuleDto[];
  /** Names of the weights that become codes. */
  readonly weights: ReadonlySet<string>;
  readonly halfStorage: boolean;
  /** Bytes of every module after quantization, with everything below. */
  readonly bytesAfter: ReadonlyMap<string, number>;
  /** Modules that some spec quantizes, by path, where the types of the modules do not tell it. */
  readonly candidates?: ReadonlySet<string>;
}

export function planQuantization<T extends TensorEntry>(root: ModuleNode<T>, spec: QuantizeSpecDto): QuantizePlan<T> {
  const choose = choices(spec);
  const quantized = new Map<string, ModuleNode<T>>();
  const qconfigs = new Map<string, QConfigName>();
  const skipped: SkippedModuleDto[] = [];
  const attentionChildren = new Set<string>();
  for (const node of walk(root)) {
    if (node.optimizer) continue;
    if (node.record !== undefined && isQuantizedRecord(node.record))
      skipped.push({ path: node.path, type: node.type, reason: 'it is quantized already' });
    if (node.kind === undefined) continue;
    if (node.kind.type === 'MultiheadAttention') attentionChildren.add(`${node.path}.out_proj`);
    const choice = choose(node.kind.type, node.path);
    const reason =
      attentionChildren.has(node.path) && choice.qconfig !== undefined ? readByAttention : reasonOf(node.kind, choice);
    if (reason === undefined && choice.qconfig !== undefined) {
      quantized.set(node.path, node);
      qconfigs.set(node.path, choice.qconfig);
    } else skipped.push({ path: node.path, type: node.type, reason: reason ?? '' });
  }
  const weights = new Map<string, QConfigName>();
  for (const [path, node] of quantized) {
    for (const { name } of packedTensors(node))
      if (isQuantizedWeight(name)) weights.set(name, qconfigs.get(path) as QConfigName);
  }
  const halfStorage = spec.halfStorage ?? false;
  const bytesAfter = sizesAfter(root, weights, halfStorage);
  return { quantized, qconfigs, halfStorage, skipped, weights: new Set(weights.keys()), bytesAfter };
}

/**
 * What a spec lacks for the modules at and below `path` to be quantized: where a type, a module above
 * or a pattern is left in float32, an override for each module by itself.
 */
export function overridesToQuantize(
  planOf: (spec: QuantizeSpecDto) => QuantizePlan,
  spec: QuantizeSpecDto,
  path: string,
): QConfigOverrideDto[] {
  const qconfig = baseQConfig(spec);
  const needed = planOf(spec).skipped.filter(
    ({ path: module, reason }) =>
      reason === 'excluded' && (path === '' || module === path || module.startsWith(`${path}.`)),
  );
  if (needed.length === 0) return [];
  const added = needed.map(({ path: target }) => ({ target, qconfig }));
  const { quantized } = planOf({ ...spec, overrides: [...(spec.overrides ?? []), ...added] });
  return added.filter(({ target }) => quantized.has(target));
}

/** The qconfig under which a module that a spec leaves in float32 would be quantized; undefined where none does it. */
export function couldTake(
  node: ModuleNode | undefined,
  reason: string,
  spec: QuantizeSpecDto,
): QConfigName | undefined {
  const kind = node?.kind;
  if (kind === undefined || !/^(not in the spec|excluded|\w+ takes float_qparams only)$/.test(reason)) return undefined;
  const tried: readonly QConfigName[] = [baseQConfig(spec), 'default_dynamic', 'float_qparams'];
  return tried.find((qconfig) => cannotTake(kind, qconfig) === undefined);
}

const readByAttention = 'MultiheadAttention reads this weight itself (NonDynamicallyQuantizableLinear)';

function reasonOf(kind: ModuleKind, choice: Choice): string | undefined {
  return choice.qconfig === undefined ? choice.reason : cannotTake(kind, choice.qconfig);
}

/** Why a module of this kind stays float under a spec of types, or undefined when it can be quantized. */
export function staysFloat(kind: ModuleKind, types: readonly string[] = defaultTypes.qint8): string | undefined {
  return types.includes(kind.type) ? cannotTake(kind, 'default_dynamic') : 'not in the spec';
}

/** What PyTorch would say of a module that only Quantscope quantizes; undefined where PyTorch does it too. */
export function refusedByPyTorch(kind: ModuleKind): string | undefined {
  switch (kind.type) {
    case 'RNN':
      return 'PyTorch has no dynamic nn.RNN';
    case 'Conv1D':
      return 'PyTorch leaves the Conv1D of transformers float';
    case 'LSTM':
    case 'GRU':
      if (kind.projSize > 0) return 'PyTorch has no quantized form with proj_size';
      return kind.bias ? undefined : 'PyTorch refuses to quantize it without bias';
    case 'LSTMCell':
    case 'GRUCell':
    case 'RNNCell':
      return kind.bias ? undefined : 'PyTorch refuses to quantize it without bias';
    default:
      return undefined;
  }
}

/** Weight matrices of a quantized module become one byte an element; biases stay float. */
export function isQuantizedWeight(tensorName: string): boolean {
  return /(^|\.)weight(_(ih|hh|hr)(_l\d+(_reverse)?)?)?$/.test(tensorName);
}

/** Bytes of the weight of a module after a qconfig. */
export function bytesUnder(qconfig: QConfigName, { numel, bytes, shape }: TensorEntry, halfStorage: boolean): number {
  const form = weightForms[qconfig];
  switch (form.kind) {
    case 'int8':
      return numel;
    case 'float16':
      // PyTorch widens what it rounded, so that only the values change.
      return halfStorage ? 2 * numel : Math.max(bytes, 4 * numel);
    case 'table':
      // A float32 scale and zero point a row.
      return Math.ceil((numel * form.bits) / 8) + 8 * (shape[0] ?? 0);
  }
}

/** Bytes of every module under `root` where these weights, by name, are kept as their qconfigs say. */
export function sizesAfter<T extends TensorEntry>(
  root: ModuleNode<T>,
  weights: ReadonlyMap<string, QConfigName>,
  halfStorage: boolean,
): Map<string, number> {
  const nodes = [...walk(root)];
  const sizes = new Map<string, number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    let bytes = 0;
    for (const tensor of node.tensors) {
      const qconfig = weights.get(tensor.name);
      bytes += qconfig === undefined ? tensor.bytes : bytesUnder(qconfig, tensor, halfStorage);
    }
    for (const child of node.children) bytes += sizes.get(child.path) as number;
    sizes.set(node.path, bytes);
  }
  return sizes;
}
