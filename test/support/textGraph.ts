import { joinChunks } from '../../src/core/byteChunks';
import { type GraphData, type InitializerData, planOnnx } from '../../src/formats/onnx/write';
import { gaussian } from './random';

/**
 * A graph with the inputs of a BERT, in another order than a tokenizer gives them and of open sizes:
 * (table[input_ids] + types[token_type_ids]) · attention_mask, times a matrix.
 */
export async function textGraph(): Promise<Uint8Array> {
  const [{ plan }] = planOnnx(
    { irVersion: 8, opsets: [{ domain: '', version: 17 }], graph, metadata: {} },
    'text.onnx',
  );
  return joinChunks(plan.chunks());
}

const draw = gaussian(3);

function floats(name: string, rows: number, columns: number): InitializerData {
  const values = draw(rows * columns);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dtype: 'float32', shape: [rows, columns], data: async () => bytes };
}

function node(opType: string, inputs: readonly string[], output: string, attributes = {}) {
  return { name: output, opType, domain: '', inputs, outputs: [output], attributes };
}

const open = ['batch', 'tokens'];

const graph: GraphData = {
  name: 'text',
  nodes: [
    node('Gather', ['table', 'input_ids'], 'embedded'),
    node('Gather', ['types', 'token_type_ids'], 'typed'),
    node('Add', ['embedded', 'typed'], 'sum'),
    node('Cast', ['attention_mask'], 'mask', { to: { kind: 'int', value: 1 } }),
    node('Unsqueeze', ['mask', 'last'], 'column'),
    node('Mul', ['sum', 'column'], 'seen'),
    node('MatMul', ['seen', 'weight'], 'y'),
  ],
  initializers: [
    floats('table', 200, 8),
    floats('types', 2, 8),
    floats('weight', 8, 4),
    { name: 'last', dtype: 'int64', shape: [1], data: async () => new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0]) },
  ],
  inputs: ['attention_mask', 'input_ids', 'token_type_ids'].map((name) => ({ name, dtype: 'int64', shape: open })),
  outputs: [{ name: 'y', dtype: 'float32', shape: [...open, 4] }],
};
