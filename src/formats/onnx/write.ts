import { type ByteChunks, chunksOf } from '../../core/byteChunks';
import { byteLength, type DType } from '../../core/dtype';
import { unsupported } from '../../core/errors';
import { numel } from '../../core/shape';
import type { PlannedFile } from '../zip/write';
import { dataField, floatField, intField, intsField, joinParts, messageField, type Part, textField } from './protobuf';

/** A constant of the graph: row-major little-endian bytes on demand. */
export interface InitializerData {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  data(): ByteChunks;
}

/** A message of another file that stands in this one as it is. */
export interface CopiedMessage {
  readonly copied: Part;
}

export type AttributeValue =
  | CopiedMessage
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'strings'; readonly value: readonly string[] };

export interface NodeData {
  readonly name: string;
  readonly opType: string;
  /** Empty for ai.onnx. */
  readonly domain: string;
  /** Names of values; empty for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface ValueData {
  readonly name: string;
  readonly dtype: DType;
  /** A size, or the name of an open one. */
  readonly shape: readonly (number | string)[];
}

export interface GraphData {
  readonly name: string;
  readonly nodes: readonly (NodeData | CopiedMessage)[];
  readonly initializers: readonly InitializerData[];
  /** Initializers of another file, as they are. */
  readonly copiedInitializers?: readonly CopiedMessage[];
  readonly inputs: readonly ValueData[];
  readonly outputs: readonly ValueData[];
}

export interface ModelData {
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly graph: GraphData;
  readonly metadata: Readonly<Record<string, string>>;
  /** Model-local functions of another file. */
  readonly functions?: readonly CopiedMessage[];
}

/** TensorProto.DataType by PyTorch's names; a quantized tensor is its integers. */
const dataTypes: Partial<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  quint8: 2,
  int8: 3,
  qint8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  qint32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

const producer = 'quantscope';

/** A protobuf message may not exceed 2 GB; from a little below, the data stands in a file beside it. */
const maxInline = 2_000_000_000;

/** Memory maps start at multiples of this: onnx.proto recommends pages for external data. */
const externalAlignment = 4_096;

/** The model as one file, or as a graph with its data beside it where both exceed 2 GB. */
export function planOnnx(
  model: ModelData,
  fileName: string,
  inlineLimit = maxInline,
): { readonly name: string; readonly plan: PlannedFile }[] {
  const { initializers, copiedInitializers = [] } = model.graph;
  const copied = copiedInitializers.reduce((sum, one) => sum + one.copied.length, 0);
  const total = initializers.reduce((sum, one) => sum + dataLength(one), copied);
  if (total < inlineLimit) {
    const whole = modelPart(model, initializers.map(inlineTensor));
    return [{ name: fileName, plan: planned(whole) }];
  }
  const location = `${fileName}.data`;
  let at = 0;
  const placed = initializers.map((one) => {
    const offset = Math.ceil(at / externalAlignment) * externalAlignment;
    at = offset + dataLength(one);
    return { one, offset };
  });
  const graph = modelPart(
    model,
    placed.map(({ one, offset }) => externalTensor(one, location, offset)),
  );
  return [
    { name: fileName, plan: planned(graph) },
    { name: location, plan: externalFile(placed, at) },
  ];
}

function planned(part: Part): PlannedFile {
  return { size: part.length, chunks: () => part.chunks() };
}

function externalFile(placed: readonly { one: InitializerData; offset: number }[], size: number): PlannedFile {
  return {
    size,
    async *chunks() {
      let at = 0;
      for (const { one, offset } of placed) {
        if (offset > at) yield new Uint8Array(offset - at);
        yield* chunksOf(one.data());
        at = offset + dataLength(one);
      }
    },
  };
}

function dataLength({ dtype, shape }: InitializerData): number {
  return byteLength(dtype, numel(shape));
}

function dataType(name: string, dtype: DType): number {
  const found = dataTypes[dtype];
  if (found !== undefined) return found;
  throw unsupported('E_EXPORT_DTYPE', `ONNX cannot hold ${dtype} here.`, {
    where: { tensor: name },
    hint: 'Export to safetensors or PyTorch instead.',
  });
}

/** Field numbers in this file are those of onnx.proto. */
function tensorHead({ name, dtype, shape }: InitializerData): Part[] {
  return [...shape.map((size) => intField(1, size)), intField(2, dataType(name, dtype)), textField(8, name)];
}

function inlineTensor(one: InitializerData): Part {
  return joinParts([...tensorHead(one), dataField(9, dataLength(one), () => one.data())]);
}

function externalTensor(one: InitializerData, location: string, offset: number): Part {
  const entries = { location, offset: String(offset), length: String(dataLength(one)) };
  const external = Object.entries(entries).map(([key, value]) =>
    messageField(13, joinParts([textField(1, key), textField(2, value)])),
  );
  return joinParts([...tensorHead(one), ...external, intField(14, 1)]);
}

function modelPart({ irVersion, opsets, graph, metadata, functions = [] }: ModelData, tensors: readonly Part[]): Part {
  return joinParts([
    intField(1, irVersion),
    textField(2, producer),
    messageField(7, graphPart(graph, tensors)),
    ...opsets.map(({ domain, version }) =>
      messageField(8, joinParts([...(domain === '' ? [] : [textField(1, domain)]), intField(2, version)])),
    ),
    ...functions.map(({ copied }) => messageField(25, copied)),
    ...Object.entries(metadata).map(([key, value]) =>
      messageField(14, joinParts([textField(1, key), textField(2, value)])),
    ),
  ]);
}

function graphPart(
  { name, nodes, copiedInitializers = [], inputs, outputs }: GraphData,
  tensors: readonly Part[],
): Part {
  return joinParts([
    ...nodes.map((node) => messageField(1, 'copied' in node ? node.copied : nodePart(node))),
    textField(2, name),
    ...copiedInitializers.map(({ copied }) => messageField(5, copied)),
    ...tensors.map((tensor) => messageField(5, tensor)),
    ...inputs.map((value) => messageField(11, valuePart(value))),
    ...outputs.map((value) => messageField(12, valuePart(value))),
  ]);
}

function nodePart({ name, opType, domain, inputs, outputs, attributes }: NodeData): Part {
  return joinParts([
    ...inputs.map((input) => textField(1, input)),
    ...outputs.map((output) => textField(2, output)),
    textField(3, name),
    textField(4, opType),
    ...Object.entries(attributes).map(([key, value]) => messageField(5, attributePart(key, value))),
    ...(domain === '' ? [] : [textField(7, domain)]),
  ]);
}

function attributePart(name: string, attribute: AttributeValue): Part {
  if ('copied' in attribute) return attribute.copied;
  const head = textField(1, name);
  switch (attribute.kind) {
    case 'float':
      return joinParts([head, floatField(2, attribute.value), intField(20, 1)]);
    case 'int':
      return joinParts([head, intField(3, attribute.value), intField(20, 2)]);
    case 'string':
      return joinParts([head, textField(4, attribute.value), intField(20, 3)]);
    case 'ints':
      return joinParts([head, intsField(8, attribute.value), intField(20, 7)]);
    case 'strings':
      return joinParts([head, ...attribute.value.map((text) => textField(9, text)), intField(20, 8)]);
  }
}

function valuePart({ name, dtype, shape }: ValueData): Part {
  const dims = shape.map((size) => messageField(1, typeof size === 'number' ? intField(1, size) : textField(2, size)));
  const tensorType = joinParts([intField(1, dataType(name, dtype)), messageField(2, joinParts(dims))]);
  return joinParts([textField(1, name), messageField(2, messageField(1, tensorType))]);
}
