import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { joinChunks } from '../../../src/core/byteChunks';
import { bytesSource } from '../../../src/core/byteSource';
import { planOnnx, type ValueData } from '../../../src/formats/onnx/write';
import { openModel } from '../../../src/model/openModel';
import { proposedInputs } from '../../../src/worker/graphInputs';

/** What is proposed for a graph of these inputs, which does nothing with them. */
async function proposedShapes(inputs: readonly ValueData[]): Promise<(readonly number[])[]> {
  const graph = { name: 'g', nodes: [], initializers: [], inputs, outputs: [] };
  const [{ plan }] = planOnnx({ irVersion: 8, opsets: [{ domain: '', version: 17 }], graph, metadata: {} }, 'g.onnx');
  const { file } = await openModel(bytesSource(await joinChunks(plan.chunks()), 'g.onnx'), neverAborted);
  return proposedInputs(file.onnx?.graph).map(({ shape }) => shape);
}

const ids = (...shape: ValueData['shape']): ValueData => ({ name: 'ids', dtype: 'int64', shape });
const state = (...shape: ValueData['shape']): ValueData => ({ name: 'h0', dtype: 'float32', shape });

describe('the sizes that a graph leaves open', () => {
  const proposals: readonly (readonly [string, readonly ValueData[], readonly (readonly number[])[]])[] = [
    ['token ids, batch first', [ids('batch', 'tokens')], [[1, 16]]],
    [
      'token ids, batch last, with a state',
      [ids('steps', 'batch'), state(2, 'batch', 8)],
      [
        [16, 1],
        [2, 1, 8],
      ],
    ],
    ['a batch of one that is not open', [ids('steps', 1)], [[16, 1]]],
    ['only the batch of a row of indices', [ids('batch', 1)], [[1, 1]]],
    ['only the batch of rows of a fixed length', [ids('batch', 128)], [[1, 128]]],
    [
      'what is as long as the tokens',
      [state('n', 'tokens', 8), ids('n', 'tokens')],
      [
        [1, 16, 8],
        [1, 16],
      ],
    ],
    ['numbers', [state('batch', 'width')], [[1, 1]]],
    ['indices without a batch', [ids('count')], [[1]]],
  ];
  for (const [what, inputs, shapes] of proposals) {
    it(`of ${what}`, async () => assert.deepEqual(await proposedShapes(inputs), shapes));
  }
});
