import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { neverAborted } from '../../../../src/core/abort';
import { bytesSource } from '../../../../src/core/byteSource';
import { noProgress } from '../../../../src/core/progress';
import { openFile } from '../../../../src/formats/registry';
import type { ModelFile } from '../../../../src/formats/types';
import { inspect } from '../../../../src/model/describeModel';
import { openModel } from '../../../../src/model/openModel';
import { tensorStats } from '../../../../src/model/tensorDetail';
import { expectedOf, fixturePath, openBytes, readFixture } from '../../../support/fixtures';
import { memoryFolder } from '../../../support/memoryFolder';
import { graphProto, len, nodeProto, num, onnxFile, tensorProto } from '../../../support/protoBuilder';
import { concat } from '../../../support/zipBuilder';

interface ExpectedInitializer {
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly bytes: number;
  readonly sha256: string;
}

const expected: Readonly<Record<string, Readonly<Record<string, ExpectedInitializer>>>> = JSON.parse(
  readFileSync(fixturePath('onnx', 'expected.json'), 'utf8'),
);

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function openFixture(name: string): Promise<ModelFile> {
  const model = `${name}.onnx`;
  const files = {
    [model]: await readFixture('onnx', model),
    'external.data': await readFixture('onnx', 'external.data'),
  };
  return openFile(memoryFolder(files, model), neverAborted);
}

function tensorOf(file: ModelFile, name: string) {
  const found = file.tensors.find((tensor) => tensor.name === name);
  assert.ok(found, `${name} is listed`);
  return found;
}

async function floatsOf(file: ModelFile, name: string): Promise<number[]> {
  const bytes = await file.readTensor(tensorOf(file, name).tensor, neverAborted);
  return [...new Float32Array(bytes.slice().buffer)];
}

describe('initializers', () => {
  for (const [name, tensors] of Object.entries(expected)) {
    it(`are what onnx.numpy_helper reads, byte for byte: ${name}`, async () => {
      const file = await openFixture(name);
      for (const [tensor, { dims, sha256: hash, bytes }] of Object.entries(tensors)) {
        if (tensor === 'labels') continue;
        const { tensor: record } = tensorOf(file, tensor);
        assert.deepEqual(record.shape, dims, tensor);
        const read = await file.readTensor(record, neverAborted);
        assert.equal(read.length, bytes, tensor);
        assert.equal(sha256(read), hash, tensor);
      }
      assert.deepEqual(file.warnings, []);
    });
  }

  it('cover every element type of onnx 1.23, in raw_data and in the typed field', () => {
    const types = new Set(Object.values(expected.dtypes).map(({ dataType }) => dataType));
    assert.equal(types.size, 27);
    assert.equal(Object.keys(expected.dtypes).length, 54);
  });

  for (const version of ['1.13', '2.13'] as const)
    for (const name of ['mlp', 'recipe_lstm']) {
      it(`of an export by PyTorch ${version} are the state dict's where they keep its names: ${name}`, async () => {
        const file = await openBytes(await readFixture(`torch-${version}`, `${name}.onnx`), `${name}.onnx`);
        const { tensors } = expectedOf(version, name);
        let same = 0;
        for (const { name: key, tensor } of file.tensors) {
          if (tensors[key] === undefined) continue;
          same++;
          const whole = await file.readTensor(tensor, neverAborted);
          assert.equal(sha256(whole), tensors[key].sha256, key);
          const count = tensor.shape.reduce((product, size) => product * size, 1);
          const part = await file.readRange?.(tensor, 1, count - 1, neverAborted, new Uint8Array(whole.length));
          // Typed fields, packed and sparse values have no range.
          if (part !== undefined && count > 1)
            assert.equal(Buffer.compare(part, whole.subarray(whole.length / count)), 0, key);
        }
        assert.equal(same, name === 'mlp' ? 4 : 0);
      });
    }

  it('say how a file stores values of less than a byte', async () => {
    const { tensor } = tensorOf(await openFixture('dtypes'), 'raw.int4');
    assert.deepEqual([tensor.dtype, tensor.encoding], ['int8', { name: 'int4', bytes: 4 }]);
  });

  it('of sparse tensors are read as the dense ones that they stand for', async () => {
    const file = await openFixture('sparse');
    assert.deepEqual(await floatsOf(file, 'linear'), [0, 1.5, 0, 0, 0, -2, 3, 0, 0]);
    assert.deepEqual(await floatsOf(file, 'pairs'), [0, 1.5, 0, 0, 0, -2, 3, 0, 0]);
  });

  it('in another file cost no read of it before somebody looks', async () => {
    const files = {
      'external.onnx': await readFixture('onnx', 'external.onnx'),
      'external.data': await readFixture('onnx', 'external.data'),
    };
    const asked: string[] = [];
    await openFile(memoryFolder(files, 'external.onnx', asked), neverAborted);
    assert.deepEqual(asked, ['external.data']);
  });

  it('of text are named and not read as numbers', async () => {
    const file = await openFixture('scoped');
    assert.deepEqual(file.opaque, [{ path: 'labels', name: 'string tensor [2]' }]);
  });
});

describe('the module tree of a graph', () => {
  it('gives a tensor that an exporter named to the node that uses it', async () => {
    const file = await openFixture('scoped');
    const modules = file.tensors.map(({ name, module }) => [name, module]);
    assert.deepEqual(modules, [
      ['bias', undefined],
      ['onnx::MatMul_12', 'model.fc.MatMul'],
      ['onnx::Gather_7', 'model.emb.Gather'],
      ['then_w', 'model.choice.If.then_branch.add'],
    ]);
  });

  it('has the nodes by scope, with those of branches and functions', async () => {
    const { moduleTypes } = await openFixture('scoped');
    assert.deepEqual(
      [...moduleTypes],
      [
        ['model.choice.If', 'If'],
        ['model.emb.Gather', 'Gather'],
        ['model.fc.MatMul', 'MatMul'],
        ['Twice_4', 'Twice'],
        ['model.choice.If.else_branch.add', 'Add'],
        ['model.choice.If.then_branch.add', 'Add'],
        ['Twice.Add_0', 'Add'],
      ],
    );
  });

  it('follows the scopes and classes that torch.onnx.export(dynamo=True) writes beside each node', async () => {
    const entry = (key: string, value: string) => len(9, concat(len(1, key), len(2, value)));
    const node = concat(
      nodeProto({ type: 'MatMul', name: 'node_linear', inputs: ['x', 'val_3'], outputs: ['y'] }),
      entry('pkg.torch.onnx.name_scopes', "['', 'encoder', 'encoder.fc', 'linear']"),
      entry(
        'pkg.torch.onnx.class_hierarchy',
        "['__main__.Net', 'app.Encoder', 'torch.nn.modules.linear.Linear', 'aten.linear.default']",
      ),
    );
    const graph = graphProto({ nodes: [node], tensors: [tensorProto({ name: 'val_3' })], inputs: ['x'] });
    const file = await openBytes(onnxFile(graph), 'dynamo.onnx');
    assert.deepEqual(file.tensors[0].module, 'encoder.fc.node_linear');
    assert.deepEqual(
      [...file.moduleTypes],
      [
        ['', 'Net'],
        ['encoder', 'Encoder'],
        ['encoder.fc', 'Linear'],
        ['encoder.fc.node_linear', 'MatMul'],
      ],
    );
  });

  it('keeps dotted names where they lead', async () => {
    const file = await openBytes(await readFixture('torch-2.13', 'mlp.onnx'), 'mlp.onnx');
    assert.deepEqual(
      file.tensors.map(({ module }) => module),
      ['0', undefined, '2', undefined],
    );
    assert.equal(file.moduleTypes.get('0.Gemm'), 'Gemm');
    assert.equal(file.moduleTypes.get('0'), 'Linear');
  });

  const uses: readonly [what: string, node: Parameters<typeof nodeProto>[0], repr: string][] = [
    [
      'a Gemm that transposes',
      { type: 'Gemm', attributes: [concat(len(1, 'transB'), num(3, 1), num(20, 2))] },
      'Linear(in_features=3, out_features=2, bias=False)',
    ],
    ['a Gemm that does not', { type: 'Gemm' }, 'Gemm'],
    ['a MatMul', { type: 'MatMul' }, 'MatMul'],
    ['a Gather', { type: 'Gather', inputs: ['fc.weight', 'x'] }, 'Embedding(2, 3)'],
  ];
  for (const [what, node, repr] of uses) {
    it(`takes a weight of [2, 3] for what its use proves: ${what}`, async () => {
      const weight = tensorProto({ name: 'fc.weight', dims: [2, 3], raw: new Uint8Array(24) });
      const graph = graphProto({
        nodes: [nodeProto({ name: 'n', inputs: ['x', 'fc.weight'], outputs: ['y'], ...node })],
        tensors: [weight],
        inputs: ['x'],
      });
      const model = await openModel(bytesSource(onnxFile(graph), 'uses.onnx'), neverAborted);
      assert.equal(model.modules.get('fc')?.repr, repr);
    });
  }

  it('has the operators behind the modules', async () => {
    const file = await openBytes(await readFixture('torch-2.13', 'mlp.onnx'), 'mlp.onnx');
    assert.equal(file.moduleTypes.get('2.Gemm'), 'Gemm');
  });
});

describe('what the graph says of itself', () => {
  it('is shown as metadata, with shapes', async () => {
    const { metadata, label } = await openFixture('scoped');
    assert.equal(label, 'ONNX model, opset 21');
    assert.equal(metadata.ir_version, '10');
    assert.equal(metadata.opset_import, 'ai.onnx 21, local 1');
    assert.equal(metadata.inputs, 'x: float[2], cond: bool[], ids: int64[batch, ?]');
    assert.equal(metadata.outputs, 'y: float, z: float[2]');
    assert.equal(metadata.author, 'quantscope');
    assert.equal(metadata.functions, 'Twice');
  });

  it('is there as plain data for whoever rewrites or runs it', async () => {
    const { onnx } = await openFixture('scoped');
    const node = onnx?.graph?.nodes[2];
    assert.deepEqual(node?.inputs, ['onnx::Gather_7', 'ids']);
    assert.deepEqual(
      node?.attributes.map(({ name, i }) => [name, i]),
      [['axis', 0]],
    );
    assert.deepEqual(onnx?.graph?.valueInfo, [{ name: 'rows', elemType: 1, shape: ['batch', 1, 32] }]);
    assert.deepEqual(
      onnx?.functions.map(({ name, inputs }) => [name, inputs]),
      [['Twice', ['a']]],
    );
  });

  it('names regions from which its parts can be copied', async () => {
    const bytes = await readFixture('onnx', 'scoped.onnx');
    const file = await openFile(bytesSource(bytes, 'scoped.onnx'), neverAborted);
    const region = file.onnx?.graph?.nodes[4].region;
    assert.ok(region);
    const text = Buffer.from(bytes.subarray(region.offset, region.offset + region.length)).toString('latin1');
    assert.ok(text.includes('Twice') && text.endsWith('local'), text);
  });
});

describe('quantization', () => {
  const perTensor: readonly [fixture: string, tensor: string, scaleOf: string][] = [
    ['mlp.dynamic', '0.weight_quantized', '0.weight_scale'],
    ['mlp.dynamic', '2.weight_quantized', '2.weight_scale'],
    ['mlp.qoperator', '0.weight_quantized', '0.weight_scale'],
    ['lstm.dynamic', 'onnx::LSTM_89_quantized', 'onnx::LSTM_89_scale'],
    ['lstm.dynamic', 'onnx::LSTM_90_quantized', 'onnx::LSTM_90_scale'],
  ];
  for (const [fixture, name, scaleOf] of perTensor) {
    it(`shows the scale and zero point of ${name} in ${fixture}`, async () => {
      const file = await openFixture(fixture);
      const [scale] = await floatsOf(file, scaleOf);
      assert.deepEqual(tensorOf(file, name).tensor.quantization, { scheme: 'per_tensor', scale, zeroPoint: 0 });
    });
  }

  it('shows one scale a channel of QDQ weights, and reads them', async () => {
    const file = await openFixture('mlp.qdq');
    const { quantization } = tensorOf(file, '0.weight_quantized').tensor;
    assert.ok(quantization?.scheme === 'per_channel');
    assert.equal(quantization.axis, 0);
    assert.deepEqual(quantization.scales, await floatsOf(file, '0.weight_scale'));
    assert.deepEqual(quantization.zeroPoints, tensorOf(file, '0.weight_zero_point').tensor);
  });

  it('is shown with codes by inspect, and undone for statistics', async () => {
    const bytes = await readFixture('onnx', 'mlp.dynamic.onnx');
    const model = await openModel(bytesSource(bytes, 'mlp.dynamic.onnx'), neverAborted);
    const { tensors } = await inspect(model, neverAborted);
    const { stored } = tensors.find(({ name }) => name === '2.weight_quantized') ?? {};
    const codes = await model.file.readTensor(tensorOf(model.file, '2.weight_quantized').tensor, neverAborted);
    assert.deepEqual(stored?.intRepr, [...new Int8Array(codes.slice(0, 8).buffer)]);
    const [scale] = stored?.scales ?? [];
    const [stats] = await tensorStats(model, '2.weight_quantized', 8, neverAborted, noProgress);
    const largest = Math.max(...new Int8Array(codes.slice().buffer));
    assert.ok(Math.abs(stats.max - largest * scale) < 1e-9, `${stats.max} is ${largest} × ${scale}`);
  });

  it('is not claimed for scales, zero points and biases', async () => {
    const file = await openFixture('mlp.dynamic');
    const quantized = file.tensors.filter(({ tensor }) => tensor.quantization !== undefined);
    assert.deepEqual(
      quantized.map(({ name }) => name),
      ['0.weight_quantized', '2.weight_quantized'],
    );
  });
});
