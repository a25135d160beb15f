import { malformed } from '../../core/errors';

/** Field numbers of onnx.proto: ModelProto.graph, GraphProto.output and ValueInfoProto.name. */
const graphField = 7;
const outputField = 12;
const nameField = 1;
const delimited = 2;

/**
 * A ModelProto whose main graph also gives the named values. A message may be written in parts
 * that readers merge, so a second `graph` field with nothing but outputs is all that is added.
 */
export function addOutputs(model: Uint8Array, names: readonly string[]): Uint8Array {
  const outputs = names.flatMap((name) => {
    const text = new TextEncoder().encode(name);
    if (text.length > 10_000) throw malformed('E_ONNX_NAME', 'A value’s name is too long.');
    return field(outputField, field(nameField, [...text]));
  });
  const added = field(graphField, outputs);
  const result = new Uint8Array(model.length + added.length);
  result.set(model);
  result.set(added, model.length);
  return result;
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
