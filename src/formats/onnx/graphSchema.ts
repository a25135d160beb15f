import { append, type Draft, entry, entryShape, push, shape } from './draft';
import { float, int, type MessageShape, message, text } from './fields';
import { maxListItems, maxNodes } from './limits';
import { newTensor, sparseShape, type TensorDraft, tensorShape } from './tensorSchema';
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxSparseTensor, Region } from './types';
import { addValue, valueShape } from './valueSchema';

/** GraphProto, NodeProto and AttributeProto, which stand in each other. */

type AttributeDraft = Draft<OnnxAttribute>;
export type NodeDraft = Draft<OnnxNode>;
export type GraphDraft = Draft<OnnxGraph>;

function elide(attribute: AttributeDraft): void {
  attribute.elided = true;
}

function pushOrElide<T>(attribute: AttributeDraft, list: T[], item: T): void {
  if (list.length < maxListItems) list.push(item);
  else attribute.elided = true;
}

const attributeShape: MessageShape<AttributeDraft> = shape<AttributeDraft>(
  {
    1: text('name', (attribute, name) => {
      attribute.name = name;
    }),
    2: float('f', (attribute, f) => {
      attribute.f = f;
    }),
    3: int('i', (attribute, i) => {
      attribute.i = i;
    }),
    4: text('s', (attribute, s) => {
      attribute.s = s;
    }),
    5: message(
      't',
      () => tensorShape,
      (attribute, region) => {
        const tensor = newTensor(region);
        attribute.t = tensor;
        return tensor;
      },
    ),
    6: message(
      'g',
      () => graphShape,
      (attribute, region) => {
        const graph = newGraph(region);
        attribute.g = graph;
        return graph;
      },
    ),
    7: float('floats', (attribute, f) => pushOrElide(attribute, attribute.floats, f), elide),
    8: int('ints', (attribute, i) => pushOrElide(attribute, attribute.ints, i), elide),
    9: text('strings', (attribute, s) => pushOrElide(attribute, attribute.strings, s)),
    10: message(
      'tensors',
      () => tensorShape,
      (attribute, region) => append(attribute.tensors, newTensor(region)) as TensorDraft,
    ),
    11: message(
      'graphs',
      () => graphShape,
      (attribute, region) => append(attribute.graphs, newGraph(region)) as GraphDraft,
    ),
    20: int('type', (attribute, type) => {
      attribute.type = Number(type);
    }),
    21: text('ref_attr_name', (attribute, name) => {
      attribute.refAttrName = name;
    }),
    22: message(
      'sparse_tensor',
      () => sparseShape,
      (attribute, region) => {
        const sparse: Draft<OnnxSparseTensor> = { dims: [], region };
        attribute.sparseTensor = sparse;
        return sparse;
      },
    ),
  },
  { 13: 'doc_string', 14: 'tp', 15: 'type_protos', 23: 'sparse_tensors' },
);

function newAttribute(region: Region): AttributeDraft {
  return {
    name: '',
    type: 0,
    refAttrName: '',
    floats: [],
    ints: [],
    strings: [],
    tensors: [],
    graphs: [],
    elided: false,
    region,
  };
}

export const nodeShape: MessageShape<NodeDraft> = shape<NodeDraft>(
  {
    1: text('input', (node, name) => push(node.inputs, name)),
    2: text('output', (node, name) => push(node.outputs, name)),
    3: text('name', (node, name) => {
      node.name = name;
    }),
    4: text('op_type', (node, type) => {
      node.opType = type;
    }),
    5: message(
      'attribute',
      () => attributeShape,
      (node, region) => append(node.attributes, newAttribute(region)) as AttributeDraft,
    ),
    7: text('domain', (node, domain) => {
      node.domain = domain === 'ai.onnx' ? '' : domain;
    }),
    8: text('overload', (node, overload) => {
      node.overload = overload;
    }),
    9: message(
      'metadata_props',
      () => entryShape,
      (node) => entry(node.metadataProps),
    ),
  },
  { 6: 'doc_string', 10: 'device_configurations' },
);

export function newNode(region: Region): NodeDraft {
  return {
    name: '',
    opType: '',
    domain: '',
    overload: '',
    inputs: [],
    outputs: [],
    attributes: [],
    metadataProps: [],
    region,
  };
}

export const graphShape: MessageShape<GraphDraft> = shape<GraphDraft>(
  {
    1: message(
      'node',
      () => nodeShape,
      (graph, region) => {
        if (graph.nodes.length < maxNodes) return append(graph.nodes, newNode(region)) as NodeDraft;
        graph.nodesElided++;
        return undefined;
      },
    ),
    2: text('name', (graph, name) => {
      graph.name = name;
    }),
    5: message(
      'initializer',
      () => tensorShape,
      (graph, region) => append(graph.initializers, newTensor(region)) as TensorDraft,
    ),
    11: message(
      'input',
      () => valueShape,
      (graph) => addValue(graph.inputs),
    ),
    12: message(
      'output',
      () => valueShape,
      (graph) => addValue(graph.outputs),
    ),
    13: message(
      'value_info',
      () => valueShape,
      (graph) => addValue(graph.valueInfo),
    ),
    15: message(
      'sparse_initializer',
      () => sparseShape,
      (graph, region) => append(graph.sparseInitializers, { dims: [], region }) as Draft<OnnxSparseTensor>,
    ),
  },
  { 10: 'doc_string', 14: 'quantization_annotation', 16: 'metadata_props' },
);

export function newGraph(region: Region): GraphDraft {
  return {
    name: '',
    nodes: [],
    nodesElided: 0,
    initializers: [],
    sparseInitializers: [],
    inputs: [],
    outputs: [],
    valueInfo: [],
    region,
  };
}
