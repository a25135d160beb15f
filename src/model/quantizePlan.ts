import type { QuantizeSpecDto, SkippedModuleDto } from '../protocol/dto';
import type { ModuleKind } from './moduleKind';
import { type ModuleNode, type TensorEntry, walk } from './moduleTree';

/**
 * What quantize_dynamic would do to a module tree, decided from types and names alone: which
 * modules are replaced, which stay float, and why.
 */
export interface QuantizePlan<T extends TensorEntry = TensorEntry> {
  /** Modules to replace, by path, in the order of the file. */
  readonly quantized: ReadonlyMap<string, ModuleNode<T>>;
  readonly skipped: readonly SkippedModuleDto[];
  /** Bytes of every module after quantization, with everything below. */
  readonly bytesAfter: ReadonlyMap<string, number>;
}

/** PyTorch's default spec for qint8: torch.ao.quantization.quantize_dynamic. */
const defaultTypes: readonly string[] = ['Linear', 'LSTM', 'GRU', 'LSTMCell', 'RNNCell', 'GRUCell'];

/** Kinds whose dynamic twin the engine has. */
const supportedTypes: readonly string[] = ['Linear', 'LSTM', 'GRU', 'RNN', 'LSTMCell', 'GRUCell', 'RNNCell'];

export function planQuantization<T extends TensorEntry>(root: ModuleNode<T>, spec: QuantizeSpecDto): QuantizePlan<T> {
  const types = spec.modules ?? defaultTypes;
  const excluded = exclusion(spec.exclude);
  const quantized = new Map<string, ModuleNode<T>>();
  const skipped: SkippedModuleDto[] = [];
  const attentionChildren = new Set<string>();
  for (const node of walk(root)) {
    if (node.optimizer || node.kind === undefined) continue;
    if (node.kind.type === 'MultiheadAttention') attentionChildren.add(`${node.path}.out_proj`);
    const reason =
      staysFloat(node.kind, types, attentionChildren.has(node.path)) ?? (excluded(node.path) ? 'excluded' : undefined);
    if (reason === undefined) quantized.set(node.path, node);
    else skipped.push({ path: node.path, type: node.type, reason });
  }
  return { quantized, skipped, bytesAfter: sizesAfter(root, quantized) };
}

/** Why a module of this kind stays float, or undefined when it can be quantized. */
export function staysFloat(
  kind: ModuleKind,
  types: readonly string[] = defaultTypes,
  attentionOutput = false,
): string | undefined {
  if (!types.includes(kind.type)) return 'not in the spec';
  if (attentionOutput) return 'MultiheadAttention reads this weight itself (NonDynamicallyQuantizableLinear)';
  if (!supportedTypes.includes(kind.type)) return `Quantscope cannot quantize ${kind.type} yet`;
  return undefined;
}

/** What PyTorch would say of a module that only Quantscope quantizes; undefined where PyTorch does it too. */
export function refusedByPyTorch(kind: ModuleKind): string | undefined {
  switch (kind.type) {
    case 'RNN':
      return 'PyTorch has no dynamic nn.RNN';
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

/** Exact paths, or every path below a prefix where the pattern ends in `*`. */
function exclusion(patterns: readonly string[]): (path: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const globs = patterns.filter((pattern) => pattern.includes('*')).map(globPattern);
  return (path) => exact.has(path) || globs.some((glob) => glob.test(path));
}

function globPattern(glob: string): RegExp {
  const source = glob.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${source.join('.*')}$`);
}

/** Weight matrices of a quantized module become one byte an element; biases stay float. */
export function isQuantizedWeight(tensorName: string): boolean {
  return /(^|\.)weight(_(ih|hh|hr)(_l\d+(_reverse)?)?)?$/.test(tensorName);
}

function sizesAfter<T extends TensorEntry>(
  root: ModuleNode<T>,
  quantized: ReadonlyMap<string, ModuleNode<T>>,
): Map<string, number> {
  const nodes = [...walk(root)];
  const sizes = new Map<string, number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    const replaced = quantized.has(node.path);
    let bytes = 0;
    for (const tensor of node.tensors)
      bytes += replaced && isQuantizedWeight(tensor.name) ? tensor.numel : tensor.bytes;
    for (const child of node.children) bytes += sizes.get(child.path) as number;
    sizes.set(node.path, bytes);
  }
  return sizes;
}
