import { data, type Field, type FoundRun, float, int, type MessageShape, message, skip, text } from './fields';
import { maxListItems, maxNodes } from './limits';
import type {
  DataField,
  DataRun,
  OnnxAttribute,
  OnnxDimension,
  OnnxEntry,
  OnnxFunction,
  OnnxGraph,
  OnnxInt,
  OnnxModel,
  OnnxNode,
  OnnxOpset,
  OnnxSparseTensor,
  OnnxTensor,
  OnnxTraining,
  OnnxValueInfo,
  Region,
} from './types';

/** The messages of onnx.proto (IR version 14) that are read; every other field is stepped over. */

/** A record while it is read. */
type Draft<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };

/** `unread` are fields that onnx.proto has and that nothing here needs, by number. */
const shape = <T>(
  fields: Readonly<Record<number, Field<T>>>,
  unread: Readonly<Record<number, string>> = {},
): MessageShape<T> =>
  new Map([
    ...Object.entries(fields).map(([number, field]): [number, Field<T>] => [Number(number), field]),
    ...Object.entries(unread).map(([number, name]): [number, Field<T>] => [Number(number), skip(name)]),
  ]);

type EntryDraft = Draft<OnnxEntry>;
type TensorDraft = Draft<OnnxTensor>;
type AttributeDraft = Draft<OnnxAttribute>;
type NodeDraft = Draft<OnnxNode>;
type ValueDraft = Draft<Omit<OnnxValueInfo, 'shape'>> & { shape?: OnnxDimension[] };
type GraphDraft = Draft<OnnxGraph>;
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

function append<T extends object>(list: T[], item: T): T {
  list.push(item);
  return item;
}

function push<T>(list: T[], item: T): void {
  if (list.length < maxListItems) list.push(item);
}

const entryShape = shape<EntryDraft>({
  1: text('key', (entry, value) => {
    entry.key = value;
  }),
  2: text('value', (entry, value) => {
    entry.value = value;
  }),
});

const entry = (list: OnnxEntry[]) => append(list, { key: '', value: '' });

const opsetShape = shape<Draft<OnnxOpset>>({
  1: text('domain', (opset, value) => {
    opset.domain = value;
  }),
  2: int('version', (opset, value) => {
    opset.version = value;
  }),
});

/** Values that follow each other in the file become one run. */
function addRun(runs: DataRun[], field: DataField, run: FoundRun): void {
  const last = runs.at(-1);
  if (
    last !== undefined &&
    !run.packed &&
    !last.packed &&
    last.field === field &&
    last.offset + last.length === run.offset
  )
    runs[runs.length - 1] = { ...last, length: last.length + run.length, count: last.count + 1 };
  else push(runs, { ...run, field, count: run.packed ? 0 : 1 });
}

const dataField = (name: string, field: DataField) =>
  data<TensorDraft>(name, field, (tensor, run) => addRun(tensor.data, field, run));

const tensorShape = shape<TensorDraft>(
  {
    1: int('dims', (tensor, value) => push(tensor.dims, value)),
    2: int('data_type', (tensor, value) => {
      tensor.dataType = Number(value);
    }),
    3: message(
      'segment',
      (): MessageShape<object> => new Map(),
      (tensor) => {
        tensor.segmented = true;
        return undefined;
      },
    ),
    4: dataField('float_data', 'float'),
    5: dataField('int32_data', 'int32'),
    6: dataField('string_data', 'string'),
    7: dataField('int64_data', 'int64'),
    8: text('name', (tensor, value) => {
      tensor.name = value;
    }),
    9: dataField('raw_data', 'raw'),
    10: dataField('double_data', 'double'),
    11: dataField('uint64_data', 'uint64'),
    13: message(
      'external_data',
      () => entryShape,
      (tensor) => entry(tensor.externalData),
    ),
    14: int('data_location', (tensor, value) => {
      tensor.dataLocation = Number(value);
    }),
  },
  { 12: 'doc_string', 16: 'metadata_props' },
);

function newTensor(region: Region): TensorDraft {
  return {
    name: '',
    dims: [],
    dataType: 0,
    data: [],
    dataLocation: 0,
    externalData: [],
    segmented: false,
    region,
  };
}

const sparseShape = shape<Draft<OnnxSparseTensor>>({
  1: message(
    'values',
    () => tensorShape,
    (sparse, region) => {
      sparse.values = newTensor(region);
      return sparse.values as TensorDraft;
    },
  ),
  2: message(
    'indices',
    () => tensorShape,
    (sparse, region) => {
      sparse.indices = newTensor(region);
      return sparse.indices as TensorDraft;
    },
  ),
  3: int('dims', (sparse, value) => push(sparse.dims, value)),
});

/** One dimension stands in its list as long as it is read. */
interface DimensionDraft {
  readonly shape: OnnxDimension[];
  readonly index: number;
}

const dimensionShape = shape<DimensionDraft>(
  {
    1: int('dim_value', ({ shape: dims, index }, value) => {
      dims[index] = value;
    }),
    2: text('dim_param', ({ shape: dims, index }, value) => {
      dims[index] = value;
    }),
  },
  { 3: 'denotation' },
);

const tensorShapeShape = shape<{ shape: OnnxDimension[] }>({
  1: message(
    'dim',
    () => dimensionShape,
    ({ shape: dims }) => {
      if (dims.length >= maxListItems) return undefined;
      dims.push(null);
      return { shape: dims, index: dims.length - 1 };
    },
  ),
});

const tensorTypeShape = shape<ValueDraft>({
  1: int('elem_type', (value, type) => {
    value.elemType = Number(type);
  }),
  2: message(
    'shape',
    () => tensorShapeShape,
    (value) => {
      value.shape = [];
      return value as { shape: OnnxDimension[] };
    },
  ),
});

/** Tensors and sparse tensors tell their shape; the others are only named. */
const typeShape = shape<ValueDraft>(
  {
    1: message(
      'tensor_type',
      () => tensorTypeShape,
      (value) => value,
    ),
    8: message(
      'sparse_tensor_type',
      () => tensorTypeShape,
      (value) => value,
    ),
  },
  { 4: 'sequence_type', 5: 'map_type', 6: 'denotation', 7: 'opaque_type', 9: 'optional_type' },
);

const valueShape = shape<ValueDraft>(
  {
    1: text('name', (value, name) => {
      value.name = name;
    }),
    2: message(
      'type',
      () => typeShape,
      (value) => value,
    ),
  },
  { 3: 'doc_string', 4: 'metadata_props' },
);

const value = (list: OnnxValueInfo[]) => append(list, { name: '', elemType: 0 } as ValueDraft) as ValueDraft;

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

const nodeShape: MessageShape<NodeDraft> = shape<NodeDraft>(
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

function newNode(region: Region): NodeDraft {
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

const graphShape: MessageShape<GraphDraft> = shape<GraphDraft>(
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
      (graph) => value(graph.inputs),
    ),
    12: message(
      'output',
      () => valueShape,
      (graph) => value(graph.outputs),
    ),
    13: message(
      'value_info',
      () => valueShape,
      (graph) => value(graph.valueInfo),
    ),
    15: message(
      'sparse_initializer',
      () => sparseShape,
      (graph, region) => append(graph.sparseInitializers, { dims: [], region }) as Draft<OnnxSparseTensor>,
    ),
  },
  { 10: 'doc_string', 14: 'quantization_annotation', 16: 'metadata_props' },
);

function newGraph(region: Region): GraphDraft {
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
