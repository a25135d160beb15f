import { unsupported } from '../../../core/errors';
import type { ValueData } from '../../../formats/onnx/write';
import type { PlainValue } from '../../../formats/types';
import type { ModuleNode } from '../../moduleTree';
import { findModule, type Model, type ModelTensor } from '../../openModel';
import type { GraphBuilder } from './graphBuilder';
import { emitEmbedding, emitLayerNorm, emitLinear } from './linear';
import { emitRecurrent, type RecurrentLayout } from './recurrent';
import { emitStateless } from './stateless';
import { joinPath, type WeightSource } from './weightSource';

/** The graph's inputs and outputs; its nodes are in the builder. */
export interface GraphEnds {
  readonly inputs: readonly ValueData[];
  readonly outputs: readonly ValueData[];
}

type Node = ModuleNode<ModelTensor>;

/** Writes a module's graph: an LSTM or GRU with its states, or a chain of modules of one input. */
export function emitGraph(graph: GraphBuilder, weights: WeightSource, model: Model, node: Node): GraphEnds {
  const { kind } = node;
  if (kind?.type === 'LSTM' || kind?.type === 'GRU') {
    const batchFirst = attributesOf(model, node.path).batch_first === true;
    return recurrentGraph(graph, weights, node.path, { ...kind, type: kind.type, batchFirst });
  }
  const chain = chainOf(model, node);
  const first = chain.map((path) => widthOf(model, path)).find((width) => width !== undefined);
  if (first === undefined) throw notExported(node, 'it has no module with weights that ONNX could start with');
  const inputs: ValueData[] = [{ name: 'input', ...first.input }];
  let value = 'input';
  let width = first.output;
  for (const path of chain) {
    value = emitModule(graph, weights, model, path, value);
    width = widthOf(model, path)?.output ?? width;
  }
  const output = finish(graph, value, 'output');
  return { inputs, outputs: [{ name: output, dtype: 'float32', shape: [...first.input.shape.slice(0, 1), width] }] };
}

/** The value under the name that the graph's reader sees. */
function finish(graph: GraphBuilder, value: string, name: string): string {
  graph.nodes.push({
    name: `${name}.Identity`,
    opType: 'Identity',
    domain: '',
    inputs: [value],
    outputs: [name],
    attributes: {},
  });
  return name;
}

function recurrentGraph(graph: GraphBuilder, weights: WeightSource, path: string, layout: RecurrentLayout): GraphEnds {
  const { type, numLayers, bidirectional, hiddenSize, inputSize, projSize, batchFirst } = layout;
  if (projSize > 0) {
    throw unsupported('E_EXPORT_ONNX', `${path || type} has proj_size, which ONNX's ${type} does not.`, {
      hint: 'Export to PyTorch or safetensors instead.',
    });
  }
  const directions = bidirectional ? 2 : 1;
  const float = (name: string, shape: ValueData['shape']): ValueData => ({ name, dtype: 'float32', shape });
  const state = [numLayers * directions, 'batch', hiddenSize];
  const time = batchFirst ? ['batch', 'steps'] : ['steps', 'batch'];
  const stateNames = type === 'LSTM' ? ['h0', 'c0'] : ['h0'];
  const emitted = emitRecurrent(graph, weights, path, layout, 'input', stateNames);
  const ends = type === 'LSTM' ? ['h_n', 'c_n'] : ['h_n'];
  return {
    inputs: [float('input', [...time, inputSize]), ...stateNames.map((name) => float(name, state))],
    outputs: [
      float(finish(graph, emitted.output, 'output'), [...time, directions * hiddenSize]),
      ...emitted.states.map((value, i) => float(finish(graph, value, ends[i]), state)),
    ],
  };
}

/** Paths of the modules that run one after the other. */
function chainOf(model: Model, node: Node): string[] {
  const record = model.file.modules?.get(node.path);
  const type = record?.className.split('.').at(-1);
  if (type === 'Sequential')
    return (record?.children ?? []).flatMap((name) => chainOf(model, findModule(model, joinPath(node.path, name))));
  if (node.kind !== undefined || type !== undefined) return [node.path];
  throw notExported(node, 'the file does not say how its modules are joined');
}

function notExported(node: Node, why: string) {
  return unsupported('E_EXPORT_ONNX', `${node.path || node.name} cannot be written as ONNX: ${why}.`, {
    hint: 'Choose one module (--module PATH): Linear, LSTM, GRU, Embedding, or a Sequential of a file that names its modules.',
  });
}

function attributesOf(model: Model, path: string): Readonly<Record<string, PlainValue>> {
  return model.file.modules?.get(path)?.attributes ?? {};
}

/** What a module with weights takes and gives; undefined for those that keep the width. */
function widthOf(model: Model, path: string): { input: Omit<ValueData, 'name'>; output: number } | undefined {
  const kind = findModule(model, path).kind;
  if (kind?.type === 'Linear')
    return { input: { dtype: 'float32', shape: ['batch', kind.inFeatures] }, output: kind.outFeatures };
  if (kind?.type === 'Embedding') return { input: { dtype: 'int64', shape: ['batch'] }, output: kind.embeddingDim };
  if (kind?.type === 'LayerNorm') {
    const width = kind.normalizedShape.at(-1) ?? 1;
    return { input: { dtype: 'float32', shape: ['batch', width] }, output: width };
  }
  return undefined;
}

const defaultEps = 1e-5;

function emitModule(graph: GraphBuilder, weights: WeightSource, model: Model, path: string, x: string): string {
  const node = findModule(model, path);
  const attributes = attributesOf(model, path);
  const type = model.file.modules?.get(path)?.className.split('.').at(-1) ?? node.kind?.type ?? '';
  switch (node.kind?.type) {
    case 'Linear':
      return emitLinear(graph, weights, path, x);
    case 'Embedding':
      return emitEmbedding(graph, weights, path, x);
    case 'LayerNorm':
      return emitLayerNorm(graph, weights, path, x, typeof attributes.eps === 'number' ? attributes.eps : defaultEps);
  }
  const value = emitStateless(graph, type, path, x, attributes);
  if (value === undefined) throw notExported(node, `there is no ONNX form of ${type || 'its type'} here`);
  return value;
}
