import type { ByteSource } from '../core/byteSource';
import { malformed, unsupported } from '../core/errors';
import { parseExternal } from '../formats/onnx/external';
import type { OnnxGraph, OnnxTensor } from '../formats/onnx/types';

/** What ONNX Runtime needs of a model: its own bytes and those of the files beside it, read by the rules of any opening. */

/** The runtime holds all of it in memory that WebAssembly can address. */
const maxModelBytes = 1024 * 1024 * 1024;

export interface OnnxParts {
  readonly model: Uint8Array;
  readonly external: readonly { readonly path: string; readonly data: Uint8Array }[];
}

export async function readParts(source: ByteSource, graph: OnnxGraph | undefined): Promise<OnnxParts> {
  let total = checked(source.size, 0);
  const model = await source.read(0, source.size);
  const external: { path: string; data: Uint8Array }[] = [];
  for (const path of graph === undefined ? [] : externalNames(graph)) {
    const file = await source.sibling?.(path);
    if (file === undefined) {
      throw malformed('E_ONNX_EXTERNAL', `The weights are in ${JSON.stringify(path)}, which is not beside the model.`, {
        where: { file: path.slice(0, 200) },
      });
    }
    total = checked(file.size, total);
    external.push({ path, data: await file.read(0, file.size) });
  }
  return { model, external };
}

function checked(size: number, before: number): number {
  if (before + size > maxModelBytes) {
    throw unsupported('E_ONNX_LIMIT', 'The model is too large to be run here.', {
      found: `${before + size} bytes`,
      expected: `at most ${maxModelBytes}`,
    });
  }
  return before + size;
}

/** Files that tensors of the graph, and of graphs inside it, name. */
function externalNames(root: OnnxGraph): Set<string> {
  const names = new Set<string>();
  const add = (tensor: OnnxTensor | undefined) => {
    if (tensor?.dataLocation !== 1) return;
    const data = parseExternal(tensor);
    if ('location' in data) names.add(data.location);
  };
  const pending = [root];
  for (let graph = pending.pop(); graph !== undefined; graph = pending.pop()) {
    graph.initializers.forEach(add);
    for (const { attributes } of graph.nodes) {
      for (const { t, tensors, g, graphs } of attributes) {
        add(t);
        tensors.forEach(add);
        if (g !== undefined) pending.push(g);
        pending.push(...graphs);
      }
    }
  }
  return names;
}

/** How many rows the tables have that an input looks up: random indices stay below the smallest. */
export function indexLimits(graph: OnnxGraph | undefined): Map<string, number> {
  const tables = new Map(graph?.initializers.map(({ name, dims }) => [name, Number(dims[0] ?? 0)]));
  const limits = new Map<string, number>();
  for (const { opType, inputs, attributes } of graph?.nodes ?? []) {
    const [table, index] = inputs;
    const rows = tables.get(table);
    const axis = attributes.find(({ name }) => name === 'axis');
    if (opType !== 'Gather' || rows === undefined || index === undefined || Number(axis?.i ?? 0) !== 0) continue;
    limits.set(index, Math.min(rows, limits.get(index) ?? rows));
  }
  return limits;
}
