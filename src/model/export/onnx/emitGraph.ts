import type { ValueData } from '../../../formats/onnx/write';
import { engineClass } from '../../loadModule';
import { cannotRun } from '../../loadTree';
import { attentionEmitters } from './attention';
import { convolutionEmitters } from './convolution';
import { EmitContext, type Emitter, type Node, notExported } from './emitContext';
import type { GraphBuilder } from './graphBuilder';
import { graphInputs } from './inputs';
import { layerEmitters } from './layers';
import { statelessEmitters } from './stateless';
import type { WeightSource } from './weightSource';

/** The graph's inputs and outputs; its nodes are in the builder. */
export interface GraphEnds {
  readonly inputs: readonly ValueData[];
  readonly outputs: readonly ValueData[];
}

const emitters: ReadonlyMap<string, Emitter> = new Map([
  ...layerEmitters,
  ...attentionEmitters,
  ...convolutionEmitters,
  ...statelessEmitters,
]);

/** Names of the outputs of modules that give several. */
const outputNames: Readonly<Record<string, readonly string[]>> = {
  LSTM: ['output', 'h_n', 'c_n'],
  GRU: ['output', 'h_n'],
  RNN: ['output', 'h_n'],
  LSTMCell: ['h', 'c'],
  MultiheadAttention: ['attn_output', 'attn_weights'],
};

/** Writes the graph of a module that the engine can run: one of a known class, or a container of them. */
export function emitGraph(graph: GraphBuilder, weights: WeightSource, node: Node): GraphEnds {
  if (node.record === undefined && node.children.length > 0)
    throw notExported(node, 'the file does not say how its modules are joined');
  const reason = cannotRun(node);
  if (reason !== undefined) throw notExported(node, reason);
  const inputs = graphInputs(node);
  for (const { name } of inputs) graph.reserve(name);
  const values = emitModule(new EmitContext(graph, weights, emitModule), node, inputs);
  const names = namesOf(node, values.length);
  const outputs = values.map(({ name, dtype, shape }, i) => {
    finish(graph, name, names[i]);
    return { name: names[i], dtype, shape };
  });
  return { inputs, outputs };
}

/** The nodes of one module, by its class. */
export const emitModule: Emitter = (context, node, inputs) => {
  const type = engineClass(node) ?? '';
  const emitter = emitters.get(type);
  if (emitter === undefined)
    throw notExported(node, `there is no ONNX form of ${type || node.type || 'its type'} here`);
  return emitter(context, node, inputs);
};

/** A Sequential gives what its last module gives. */
function namesOf(node: Node, count: number): readonly string[] {
  let last = node;
  while (engineClass(last) === 'Sequential' && last.children.length > 0) last = last.children[last.children.length - 1];
  return count === 1 ? ['output'] : (outputNames[engineClass(last) ?? ''] ?? []);
}

/** The value under the name that the graph's reader sees. */
export function finish(graph: GraphBuilder, value: string, name: string): void {
  graph.nodes.push({
    name: `${name}.Identity`,
    opType: 'Identity',
    domain: '',
    inputs: [value],
    outputs: [name],
    attributes: {},
  });
}
