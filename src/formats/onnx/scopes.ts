import { maxOutlineNodes } from './limits';
import type { OnnxGraph, OnnxModel, OnnxNode } from './types';

/** A graph of the file and where it stands: the main graph, a branch of an If, the body of a Loop. */
export interface ScopedGraph {
  readonly graph: OnnxGraph;
  /** Dotted path of the node that holds it, with the attribute's name; empty for the main graph. */
  readonly path: string;
}

/** A node with its place in the module tree. */
export interface ScopedNode {
  readonly node: OnnxNode;
  /** Modules around it, outermost first. */
  readonly scope: readonly string[];
  readonly path: string;
}

/** Every graph of the model, outer before inner, without recursion. Functions count as graphs of their name. */
export function graphsOf(model: OnnxModel): ScopedGraph[] {
  const found: ScopedGraph[] = [];
  const stack: ScopedGraph[] = [];
  for (const { initialization, algorithm } of model.training) {
    if (initialization !== undefined) stack.push({ graph: initialization, path: 'training.initialization' });
    if (algorithm !== undefined) stack.push({ graph: algorithm, path: 'training.algorithm' });
  }
  for (const { name, nodes, region } of model.functions.toReversed())
    stack.push({ graph: { ...emptyGraph, name, nodes, region }, path: pathOf(split(name)) });
  if (model.graph !== undefined) stack.push({ graph: model.graph, path: '' });
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    found.push(next);
    const inner: ScopedGraph[] = [];
    for (const [index, node] of next.graph.nodes.entries())
      for (const { name, g, graphs } of node.attributes) {
        if (g === undefined && graphs.length === 0) continue;
        const at = `${scopedNode(node, index, next.path).path}.${name || 'graph'}`;
        if (g !== undefined) inner.push({ graph: g, path: at });
        for (const [i, graph] of graphs.entries()) inner.push({ graph, path: `${at}.${i}` });
      }
    for (let i = inner.length - 1; i >= 0; i--) stack.push(inner[i]);
  }
  return found;
}

const emptyGraph = {
  nodesElided: 0,
  initializers: [],
  sparseInitializers: [],
  inputs: [],
  outputs: [],
  valueInfo: [],
} as const;

/** Parts of a name that exporters build from module paths: `/model/layers.0/attn/MatMul`. */
export function split(name: string): string[] {
  return name.split(/[/.]/).filter((part) => part !== '');
}

function pathOf(parts: readonly string[]): string {
  return parts.join('.');
}

/**
 * Where a node stands in the module tree. torch.onnx.export(dynamo=True) writes the scopes into
 * the node's metadata; other exporters write them into its name.
 */
export function scopedNode(node: OnnxNode, index: number, graphPath: string): ScopedNode {
  const outer = graphPath === '' ? [] : graphPath.split('.');
  const written = listIn(node, 'pkg.torch.onnx.name_scopes');
  if (written !== undefined && written.length > 1) {
    const scope = [...outer, ...split(written[written.length - 2])];
    const label = split(node.name).join('_') || `${node.opType}_${index}`;
    return { node, scope, path: pathOf([...scope, label]) };
  }
  const parts = split(node.name);
  if (parts.length === 0) parts.push(`${node.opType || 'Node'}_${index}`);
  return { node, scope: [...outer, ...parts.slice(0, -1)], path: pathOf([...outer, ...parts]) };
}

/** A Python list of strings as the exporter prints it. */
function listIn({ metadataProps }: OnnxNode, key: string): string[] | undefined {
  const text = metadataProps.find((entry) => entry.key === key)?.value;
  if (text === undefined) return undefined;
  return [...text.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, single, double]) => single ?? double);
}

/** Classes of the modules around a node, where the exporter wrote them, by path. */
function scopeTypes(node: OnnxNode): [path: string, type: string][] {
  const scopes = listIn(node, 'pkg.torch.onnx.name_scopes');
  const classes = listIn(node, 'pkg.torch.onnx.class_hierarchy');
  if (scopes === undefined || classes === undefined || scopes.length !== classes.length) return [];
  return scopes
    .slice(0, -1)
    .map((scope, i): [string, string] => [pathOf(split(scope)), classes[i].split('.').at(-1) ?? ''])
    .filter(([, type]) => type !== '');
}

/**
 * The graph's outline: the type of every module and node by its path. Constants are left out, and
 * so are nodes beyond a number that nobody scrolls through; `needed` are there in any case.
 */
export function outlineTypes(graphs: readonly ScopedGraph[], needed: ReadonlyMap<string, string>): Map<string, string> {
  const types = new Map<string, string>();
  let nodes = 0;
  for (const { graph, path: graphPath } of graphs) {
    if (graphPath.startsWith('training.')) continue;
    for (const [index, node] of graph.nodes.entries()) {
      if (nodes >= maxOutlineNodes) break;
      if (node.opType === 'Constant') continue;
      nodes++;
      for (const [path, type] of scopeTypes(node)) if (!types.has(path)) types.set(path, type);
      types.set(scopedNode(node, index, graphPath).path, node.opType);
    }
  }
  for (const [path, type] of needed) types.set(path, type);
  return types;
}
