import { type ScopedGraph, scopedNode, split } from './scopes';
import type { OnnxNode } from './types';

/** A module or node that a tensor belongs to. */
export interface Owner {
  readonly path: string;
  /** What the module is: an operator's type, or the torch.nn class that the use proves; undefined where the name decides. */
  readonly type?: string;
}

/** The node that uses a value first, and what the use says of the module. */
interface User {
  readonly path: string;
  readonly opType: string;
  /** The type of a module whose weight is used so; undefined where the use proves nothing. */
  readonly module: string | undefined;
}

/** The first node that uses each value; a value that is only dequantized belongs to who uses the result. */
export function firstUsers({ graph, path: graphPath }: ScopedGraph): Map<string, User> {
  const users = new Map<string, User>();
  const dequantized = new Map<string, string>();
  for (const [index, node] of graph.nodes.entries()) {
    const { path } = scopedNode(node, index, graphPath);
    for (const [input, name] of node.inputs.entries())
      if (name !== '' && !users.has(name))
        users.set(name, { path, opType: node.opType, module: moduleOf(node, input) });
    if (node.opType === 'DequantizeLinear' && node.outputs.length > 0)
      for (const name of node.inputs) if (!dequantized.has(name)) dequantized.set(name, node.outputs[0]);
  }
  for (const [name, output] of dequantized) {
    const user = users.get(output);
    if (user !== undefined) users.set(name, user);
  }
  return users;
}

/** Operators whose second matrix is [in, out], the transpose of a Linear's weight. */
const transposed: ReadonlySet<string> = new Set([
  'MatMul',
  'MatMulInteger',
  'QLinearMatMul',
  'DynamicQuantizeMatMul',
  'MatMulIntegerToFloat',
  'FusedMatMul',
  'ConvTranspose',
]);

/** A weight's use tells Embedding from Linear, and a Linear's layout from its transpose, which shapes do not. */
function moduleOf(node: OnnxNode, input: number): string | undefined {
  const { opType, attributes } = node;
  if (opType === 'Gather') return input === 0 ? 'Embedding' : undefined;
  if (opType === 'Gemm' && input === 1)
    return attributes.some(({ name, i }) => name === 'transB' && i === 1) ? 'Linear' : opType;
  return transposed.has(opType) ? opType : undefined;
}

/**
 * Names that are dotted paths tell the module themselves; paths with slashes tell it too; a name
 * that an exporter made up (`onnx::MatMul_123`) says nothing, and its node does.
 */
export function ownerOf(name: string, user: User | undefined, graphPath: string): Owner | undefined {
  if (!name.includes('/') && /^[^:]+\.[^:]+$/.test(name) && graphPath === '') {
    const isWeight = /\.weight(_quantized)?$/.test(name) && user?.module !== undefined;
    return isWeight ? { path: name.slice(0, name.lastIndexOf('.')), type: user.module } : undefined;
  }
  if (name.includes('/')) return { path: split(name).slice(0, -1).join('.') };
  if (user !== undefined) return { path: user.path, type: user.opType };
  return graphPath === '' ? undefined : { path: graphPath };
}
