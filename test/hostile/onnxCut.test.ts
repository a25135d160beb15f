import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { QuantscopeError } from '../../src/core/errors';
import type { ModelFile } from '../../src/formats/types';
import { openBytes, readFixture } from '../support/fixtures';
import { tensorRejection } from '../support/hostile';
import { type Bytes, graphProto, onnxFile, tensorProto } from '../support/protoBuilder';

/** What every model begins with; the offset of what comes next. */
const graph = graphProto({ tensors: [tensorProto()] });
const sound = onnxFile(graph);

const open = (bytes: Bytes) => openBytes(bytes, 'model.onnx');

describe('an ONNX download that stopped', () => {
  for (const fixture of ['mlp.qdq.onnx', 'scoped.onnx']) {
    it(`O-18: at every 1/64 of ${fixture} shows what came through`, async () => {
      const whole = await readFixture('onnx', fixture);
      const { tensors } = await open(whole);
      let most = 0;
      for (let part = 1; part < 64; part++) {
        const cut = whole.subarray(0, Math.floor((whole.length * part) / 64));
        let file: ModelFile;
        try {
          file = await open(cut);
        } catch (error) {
          assert.ok(error instanceof QuantscopeError && error.code === 'E_ONNX_TRUNCATED', String(error));
          assert.equal(error.details.where?.offset, cut.length);
          continue;
        }
        const warning = file.warnings.find(({ code }) => code === 'E_ONNX_TRUNCATED');
        assert.ok(warning, `${part}/64`);
        assert.match(
          warning.message,
          new RegExp(`ends at byte ${cut.length} .* last whole field is [\\w.]+, up to byte \\d+`),
        );
        for (const { tensor } of file.tensors)
          if (tensor.problem === undefined) await file.readTensor(tensor, neverAborted);
        most = Math.max(most, file.tensors.length);
      }
      assert.ok(most > 0 && most <= tensors.length, `${most} of ${tensors.length} tensors`);
    });
  }

  it('O-18: inside a tensor says how much of it is missing', async () => {
    const file = await open(sound.subarray(0, -3));
    const details = await tensorRejection(file, 't');
    assert.deepEqual([details.code, details.found, details.expected], ['E_ONNX_TRUNCATED', '5 bytes', '8']);
  });
});
