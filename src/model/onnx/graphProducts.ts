import { scopedNode } from '../../formats/onnx/scopes';
import type { OnnxGraph, OnnxNode } from '../../formats/onnx/types';
import { ownName } from '../moduleTree';
import { type Model, ownerOf } from '../openModel';

/**
 * The products of a dynamically quantized graph, and which of its values tell their run-time
 * scales: DynamicQuantizeLinear gives scale and zero point as values of the graph; operators that
 * quantize inside themselves do not, but what they quantize is a value.
 */
export interface GraphProduct {
  /** Path of the module that the weight belongs to, and the weight's name in it. */
  readonly module: string;
  readonly weight: string;
  /** The float value that is quantized. */
  readonly source: string;
  /** Where a node of the graph chooses them: the values of scale and zero point. */
  readonly chosen?: { readonly scale: string; readonly zeroPoint: string };
  /** The state of an LSTM, quantized before each step: `source` is its output of every step. */
  readonly hidden?: HiddenState;
}

export interface HiddenState {
  readonly direction: number;
  readonly backwards: boolean;
  /** The state before the first step; empty for zeros. */
  readonly initial: string;
  /** The node gives no states: it has to run once more to give them as `source`. */
  readonly again?: OnnxNode;
}

/** `model` has the modules: the file that is open, of which `graph` is the graph or was made. */
export function graphProducts(model: Model, graph: OnnxGraph): GraphProduct[] {
  const makers = new Map<string, OnnxNode>();
  for (const node of graph.nodes) for (const output of node.outputs) if (output !== '') makers.set(output, node);
  return graph.nodes.flatMap((node, index) => {
    const owner = (weight: string) => placeOf(model, weight, scopedNode(node, index, '').path);
    switch (node.opType) {
      case 'MatMulInteger':
      case 'ConvInteger':
      case 'MatMulIntegerToFloat':
      case 'QAttention':
        return integerProducts(node, makers, owner);
      case 'DynamicQuantizeMatMul':
        return [{ ...owner(node.inputs[1]), source: node.inputs[0] }];
      case 'DynamicQuantizeLSTM':
        return lstmProducts(node, index, owner);
      default:
        return [];
    }
  });
}

/** Values that have to be given as outputs for the scales of these products to be told. */
export function tappedValues(products: readonly GraphProduct[]): string[] {
  const names = products.flatMap(({ source, chosen, hidden }) => [
    source,
    ...(chosen === undefined ? [] : [chosen.scale, chosen.zeroPoint]),
    ...(hidden === undefined || hidden.initial === '' ? [] : [hidden.initial]),
  ]);
  return [...new Set(names)];
}

type Owner = (weight: string) => Pick<GraphProduct, 'module' | 'weight'>;

/** quantize_dynamic names the codes of `w` `w_quantized`; a weight that is computed belongs to its node. */
function placeOf(model: Model, codes: string, path: string): Pick<GraphProduct, 'module' | 'weight'> {
  for (const name of [codes, codes.replace(/_quantized$/, '')]) {
    const module = ownerOf(model, name);
    if (module !== undefined) return { module: module.path, weight: ownName(name, module.path) };
  }
  return { module: path, weight: codes };
}

/** One side is codes that were chosen at run time, or both are; codes of a constant table have no run-time scale. */
function integerProducts(node: OnnxNode, makers: ReadonlyMap<string, OnnxNode>, owner: Owner): GraphProduct[] {
  return [0, 1].flatMap((side) => {
    const maker = quantizer(node.inputs[side], makers);
    if (maker === undefined) return [];
    const [, scale, zeroPoint] = maker.outputs;
    return [{ ...owner(node.inputs[1 - side] ?? ''), source: maker.inputs[0], chosen: { scale, zeroPoint } }];
  });
}

/** The DynamicQuantizeLinear that codes come from; Transpose passes them on. */
function quantizer(codes: string, makers: ReadonlyMap<string, OnnxNode>): OnnxNode | undefined {
  let maker = makers.get(codes);
  // A graph has no cycles, but a file may say what it likes.
  for (let steps = 0; maker?.opType === 'Transpose' && steps < makers.size; steps++)
    maker = makers.get(maker.inputs[0]);
  return maker?.opType === 'DynamicQuantizeLinear' ? maker : undefined;
}

/** The whole input has one scale, the state one before each step, both directions apart. Sequences that end early are left out. */
function lstmProducts(node: OnnxNode, index: number, owner: Owner): GraphProduct[] {
  const [source, w, r, , lengths = '', initial = ''] = node.inputs;
  const [states = ''] = node.outputs;
  const again = states === '' ? { again: node } : {};
  const input: GraphProduct = { ...owner(w), source };
  if (lengths !== '') return [input];
  const direction = node.attributes.find(({ name }) => name === 'direction')?.s ?? 'forward';
  const { module, weight } = owner(r);
  const both = direction === 'bidirectional';
  const hidden = (both ? [false, true] : [direction === 'reverse']).map((backwards, i): GraphProduct => {
    const name = both && backwards ? `${weight}_reverse` : weight;
    const hiddenState = { direction: i, backwards, initial, ...again };
    return { module, weight: name, source: states || `states of node ${index}`, hidden: hiddenState };
  });
  return [input, ...hidden];
}
