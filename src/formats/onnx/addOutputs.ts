import { malformed } from '../../core/errors';

/** Field numbers of onnx.proto: ModelProto.graph, GraphProto.node and output, ValueInfoProto.name. */
const graphField = 7;
const nodeField = 1;
const outputField = 12;
const nameField = 1;
/** Those of NodeProto. */
const node = { input: 1, output: 2, opType: 4, attribute: 5, domain: 7 };
const delimited = 2;

/** A node that is run besides those of the graph. */
export interface AddedNode {
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** AttributeProto messages. */
  readonly attributes: readonly Uint8Array[];
}

/**
 * A ModelProto whose main graph also gives the named values, and runs `nodes` after its own. A
 * message may be written in parts that readers merge, so a second `graph` field with nothing but
 * these is all that is added.
 */
export function addOutputs(model: Uint8Array, names: readonly string[], nodes: readonly AddedNode[] = []): Uint8Array {
  const added = field(graphField, [
    ...nodes.flatMap((one) => field(nodeField, nodeBytes(one))),
    ...names.flatMap((name) => field(outputField, textField(nameField, name))),
  ]);
  const result = new Uint8Array(model.length + added.length);
  result.set(model);
  result.set(added, model.length);
  return result;
}

function nodeBytes({ opType, domain, inputs, outputs, attributes }: AddedNode): number[] {
  return [
    ...inputs.flatMap((name) => textField(node.input, name)),
    ...outputs.flatMap((name) => textField(node.output, name)),
    ...textField(node.opType, opType),
    ...attributes.flatMap((bytes) => field(node.attribute, [...bytes])),
    ...textField(node.domain, domain),
  ];
}

function textField(number: number, text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 10_000) throw malformed('E_ONNX_NAME', 'A value’s name is too long.');
  return field(number, [...bytes]);
}

function field(number: number, payload: readonly number[]): number[] {
  return [...varint((number << 3) | delimited), ...varint(payload.length), ...payload];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}
