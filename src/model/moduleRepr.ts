import { type QConfigName, weightForms } from '../engine/quantization/qconfigs';
import type { ModuleKind, RecurrentOptions } from './moduleKind';

/** How PyTorch prints modules: `Name(extra)`, and containers with their children below. */

function python(value: boolean): string {
  return value ? 'True' : 'False';
}

function tuple(values: readonly number[]): string {
  return values.length === 1 ? `(${values[0]},)` : `(${values.join(', ')})`;
}

/** The order of torch.nn.RNNBase.extra_repr; what equals the default is not printed. */
function recurrentExtra({ inputSize, hiddenSize, projSize, numLayers, bias, bidirectional }: RecurrentOptions): string {
  return [
    `${inputSize}, ${hiddenSize}`,
    ...(projSize > 0 ? [`proj_size=${projSize}`] : []),
    ...(numLayers > 1 ? [`num_layers=${numLayers}`] : []),
    ...(bias ? [] : ['bias=False']),
    ...(bidirectional ? ['bidirectional=True'] : []),
  ].join(', ');
}

/** `extra_repr()` of the float module. */
function extraRepr(kind: ModuleKind): string {
  switch (kind.type) {
    case 'Linear':
      return `in_features=${kind.inFeatures}, out_features=${kind.outFeatures}, bias=${python(kind.bias)}`;
    // transformers prints its Conv1D as (nf, nx).
    case 'Conv1D':
      return `nf=${kind.outFeatures}, nx=${kind.inFeatures}`;
    case 'EmbeddingBag':
      return `${kind.numEmbeddings}, ${kind.embeddingDim}, mode='mean'`;
    case 'Embedding':
      return `${kind.numEmbeddings}, ${kind.embeddingDim}`;
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return recurrentExtra(kind);
    case 'LSTMCell':
    case 'GRUCell':
    case 'RNNCell':
      return `${kind.inputSize}, ${kind.hiddenSize}${kind.bias ? '' : ', bias=False'}`;
    case 'LayerNorm':
      return `${tuple(kind.normalizedShape)}, eps=1e-05, elementwise_affine=True, bias=True`;
    case 'BatchNorm1d':
    case 'BatchNorm2d':
    case 'BatchNorm3d':
      return `${kind.numFeatures}, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, bias=True`;
    case 'Conv1d':
    case 'Conv2d':
    case 'Conv3d':
      return `${kind.inChannels}, ${kind.outChannels}, kernel_size=${tuple(kind.kernelSize)}, stride=${tuple(kind.kernelSize.map(() => 1))}${kind.bias ? '' : ', bias=False'}`;
    case 'LinearReLU':
    case 'MultiheadAttention':
      return '';
  }
}

/** `LSTM(64, 64, num_layers=2)`. */
export function moduleRepr(kind: ModuleKind): string {
  return `${kind.type}(${extraRepr(kind)})`;
}

/** The class that quantize_dynamic puts in a module's place. */
export function quantizedType(kind: ModuleKind, qconfig: QConfigName): string {
  if (weightForms[qconfig].kind === 'table') return `Quantized${kind.type}`;
  return `DynamicQuantized${kind.type === 'Conv1D' ? 'Linear' : kind.type}`;
}

/** The line of the dynamic module that takes a module's place; `repr` is the float module's own. */
export function quantizedRepr(kind: ModuleKind, repr: string, qconfig: QConfigName): string {
  const form = weightForms[qconfig];
  const type = quantizedType(kind, qconfig);
  switch (kind.type) {
    case 'Linear':
    case 'LinearReLU':
    case 'Conv1D': {
      const dtype = form.kind === 'int8' ? `torch.qint8, qscheme=torch.${form.scheme}_affine` : 'torch.float16';
      return `${type}(in_features=${kind.inFeatures}, out_features=${kind.outFeatures}, dtype=${dtype})`;
    }
    case 'Embedding':
    case 'EmbeddingBag': {
      const dtype = form.kind === 'table' && form.bits === 4 ? 'quint4x2' : 'quint8';
      return `${type}(num_embeddings=${kind.numEmbeddings}, embedding_dim=${kind.embeddingDim}, dtype=torch.${dtype}, qscheme=torch.per_channel_affine_float_qparams)`;
    }
    default:
      return `DynamicQuantized${repr}`;
  }
}

/** A tree as print(model) shows it: `line` is a leaf's whole text, or a container's class name. */
export interface ReprNode {
  readonly name: string;
  readonly line: string;
  readonly children: readonly ReprNode[];
  /** Print equal neighbours once: ModuleList of PyTorch 2. */
  readonly joinsEqual?: boolean;
}

/** Lines of print(model), without recursion: a hostile file may nest modules deeper than the stack. */
export function printModel(root: ReprNode): string {
  const lines: string[] = [];
  type Step = { readonly node: ReprNode; readonly depth: number; readonly label: string } | { readonly text: string };
  let forms: Map<ReprNode, number> | undefined;
  const steps: Step[] = [{ node: root, depth: 0, label: '' }];
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    if ('text' in step) {
      lines.push(step.text);
      continue;
    }
    const { node, depth, label } = step;
    const indent = '  '.repeat(depth);
    const hasArguments = node.line.endsWith(')');
    if (node.children.length === 0) {
      lines.push(`${indent}${label}${hasArguments ? node.line : `${node.line}()`}`);
      continue;
    }
    lines.push(`${indent}${label}${hasArguments ? node.line.slice(0, node.line.indexOf('(')) : node.line}(`);
    steps.push({ text: `${indent})` });
    if (node.joinsEqual) forms ??= formsOf(root);
    const labelled =
      node.joinsEqual && forms
        ? joined(node.children, forms)
        : node.children.map((child) => ({ child, label: `(${child.name}): ` }));
    for (const { child, label } of labelled.reverse()) steps.push({ node: child, depth: depth + 1, label });
  }
  return lines.join('\n');
}

/** Lines of print(model) that a panel or a diff gets: more than a person reads, and little to send. */
const maxShownLines = 5_000;

/** The first lines of a long print(model), a last one that counts the others, and that count. */
export function shownLines(print: string, max = maxShownLines): { text: string; leftOut: number } {
  const lines = print.split('\n');
  const leftOut = Math.max(0, lines.length - max);
  if (leftOut === 0) return { text: print, leftOut };
  const last = `… ${leftOut} more ${leftOut === 1 ? 'line' : 'lines'}`;
  return { text: [...lines.slice(0, max), last].join('\n'), leftOut };
}

/** Equal neighbours as one, by their positions: `(0-2): 3 x `. */
function joined(
  children: readonly ReprNode[],
  forms: ReadonlyMap<ReprNode, number>,
): { child: ReprNode; label: string }[] {
  const runs: { child: ReprNode; start: number; end: number }[] = [];
  for (const [i, child] of children.entries()) {
    const last = runs.at(-1);
    if (last !== undefined && forms.get(last.child) === forms.get(child)) last.end = i;
    else runs.push({ child, start: i, end: i });
  }
  return runs.map(({ child, start, end }) => ({
    child,
    label: start === end ? `(${start}): ` : `(${start}-${end}): ${end - start + 1} x `,
  }));
}

/** A number for each node of the tree: equal numbers print equally. */
function formsOf(root: ReprNode): Map<ReprNode, number> {
  const order = [root];
  for (let i = 0; i < order.length; i++) for (const child of order[i].children) order.push(child);
  const numbers = new Map<string, number>();
  const forms = new Map<ReprNode, number>();
  for (let i = order.length - 1; i >= 0; i--) {
    const { line, children, joinsEqual } = order[i];
    const form = JSON.stringify([line, joinsEqual, children.map((child) => [child.name, forms.get(child)])]);
    if (!numbers.has(form)) numbers.set(form, numbers.size);
    forms.set(order[i], numbers.get(form) as number);
  }
  return forms;
}
