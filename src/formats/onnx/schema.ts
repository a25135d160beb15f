import { append, type Draft, entry, entryShape, opsetShape, push, shape } from './draft';
import { int, message, text } from './fields';
import { type GraphDraft, graphShape, type NodeDraft, newGraph, newNode, nodeShape } from './graphSchema';
import { maxNodes } from './limits';
import type { OnnxFunction, OnnxInt, OnnxModel, OnnxTraining } from './types';

/** The messages of onnx.proto (IR version 14) that are read, from ModelProto down; every other field is stepped over. */

type FunctionDraft = Draft<OnnxFunction>;

/** The model while it is read, and how often its graph came. */
export type ModelDraft = Draft<OnnxModel> & { graphs: number };

export function emptyModel(): ModelDraft {
  return {
    irVersion: 0,
    opsets: [],
    producerName: '',
    producerVersion: '',
    domain: '',
    modelVersion: 0,
    docString: '',
    metadataProps: [],
    functions: [],
    training: [],
    graphs: 0,
  };
}

const functionShape = shape<FunctionDraft>(
  {
    1: text('name', (fn, name) => {
      fn.name = name;
    }),
    4: text('input', (fn, name) => push(fn.inputs, name)),
    5: text('output', (fn, name) => push(fn.outputs, name)),
    6: text('attribute', (fn, name) => push(fn.attributes, name)),
    7: message(
      'node',
      () => nodeShape,
      (fn, region) => (fn.nodes.length < maxNodes ? (append(fn.nodes, newNode(region)) as NodeDraft) : undefined),
    ),
    9: message(
      'opset_import',
      () => opsetShape,
      (fn) => append(fn.opsets, { domain: '', version: 0 as OnnxInt }),
    ),
    10: text('domain', (fn, domain) => {
      fn.domain = domain;
    }),
    13: text('overload', (fn, overload) => {
      fn.overload = overload;
    }),
  },
  { 8: 'doc_string', 11: 'attribute_proto', 12: 'value_info', 14: 'metadata_props' },
);

const trainingShape = shape<Draft<OnnxTraining>>(
  {
    1: message(
      'initialization',
      () => graphShape,
      (training, region) => {
        const graph = newGraph(region);
        training.initialization = graph;
        return graph;
      },
    ),
    2: message(
      'algorithm',
      () => graphShape,
      (training, region) => {
        const graph = newGraph(region);
        training.algorithm = graph;
        return graph;
      },
    ),
  },
  { 3: 'initialization_binding', 4: 'update_binding' },
);

export const modelShape = shape<ModelDraft>(
  {
    1: int('ir_version', (model, version) => {
      model.irVersion = version;
    }),
    2: text('producer_name', (model, name) => {
      model.producerName = name;
    }),
    3: text('producer_version', (model, version) => {
      model.producerVersion = version;
    }),
    4: text('domain', (model, domain) => {
      model.domain = domain;
    }),
    5: int('model_version', (model, version) => {
      model.modelVersion = version;
    }),
    6: text('doc_string', (model, doc) => {
      model.docString = doc;
    }),
    // Protocol Buffers merges a message that comes twice, so both parts go into one graph.
    7: message(
      'graph',
      () => graphShape,
      (model, region) => {
        model.graphs++;
        const graph = (model.graph as GraphDraft | undefined) ?? newGraph(region);
        model.graph = graph;
        return graph;
      },
    ),
    8: message(
      'opset_import',
      () => opsetShape,
      (model) => append(model.opsets, { domain: '', version: 0 as OnnxInt }),
    ),
    14: message(
      'metadata_props',
      () => entryShape,
      (model) => entry(model.metadataProps),
    ),
    20: message(
      'training_info',
      () => trainingShape,
      (model) => append(model.training, {}),
    ),
    25: message(
      'functions',
      () => functionShape,
      (model, region) =>
        append(model.functions, {
          name: '',
          domain: '',
          overload: '',
          inputs: [],
          outputs: [],
          attributes: [],
          nodes: [],
          opsets: [],
          region,
        }) as FunctionDraft,
    ),
  },
  { 26: 'configuration' },
);
