import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { FunctionModule } from '../../src/engine/nn/functionModule';
import { floatInput } from '../../src/engine/nn/inputs';
import { Linear } from '../../src/engine/nn/linear';
import type { RunnableModule } from '../../src/engine/nn/module';
import { type FloatTensor, floatTensor, type Tensor } from '../../src/engine/tensor/tensor';
import { loadTree } from '../../src/model/loadTree';
import type { Model } from '../../src/model/openModel';
import type { ExportRequestDto } from '../../src/protocol/exportDto';
import { writeExport } from '../support/exports';
import { modelFrom, spec } from '../support/models';
import { product } from '../support/onnxReference';
import { farthest, type Ran, runGraphs } from '../support/onnxRuns';
import { askPython, describeWithTorch } from '../support/pythons';

interface Made {
  readonly name: string;
  readonly inputs: readonly [dtype: 'float32' | 'int64', shape: readonly number[], values: readonly number[]][];
  readonly outputs: readonly [shape: readonly number[], values: readonly number[]][];
}

const inputNames: Readonly<Record<string, readonly string[]>> = {
  attention: ['query', 'key', 'value'],
  cross_attention: ['query', 'key', 'value'],
  encoder_layer: ['src'],
  encoder: ['src'],
  decoder: ['tgt', 'memory'],
  transformer: ['src', 'tgt'],
};

describeWithTorch(
  'modules as ONNX graphs, after onnx.checker, in ONNX Runtime',
  (python) => {
    let folder: string;
    let made: Made[];
    let ran: ReadonlyMap<string, Ran>;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quantscope-modules-'));
      made = await askPython<Made[]>(python, 'make_modules.py', folder);
      const jobs = new Map<string, unknown>();
      const add = async (one: Made, title: string, request: Partial<ExportRequestDto>) => {
        const names = inputNames[one.name] ?? ['input', 'h0', 'c0'];
        const inputs = Object.fromEntries(one.inputs.map(([, shape, values], i) => [names[i], [shape, values]]));
        const written = await writeExport(folder, await open(one.name), `${title}.onnx`, {
          format: 'onnx',
          ...request,
        });
        jobs.set(title, { ...written, inputs });
      };
      for (const one of made) {
        await add(one, one.name, { spec: null });
        await add(one, `${one.name}.int8`, { spec: spec() });
      }
      ran = await runGraphs(python, folder, jobs);
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const open = async (name: string): Promise<Model> =>
      modelFrom(new Uint8Array(await readFile(join(folder, `${name}.pt`))), `${name}.pt`);

    it('in float give what PyTorch and our engine give, within 1e-5', async () => {
      for (const { name, inputs, outputs } of made) {
        const { outputs: own, shapes } = ran.get(name) as Ran;
        assert.deepEqual(
          shapes,
          outputs.map(([shape]) => shape),
          name,
        );
        const engine = await runEngine(await open(name), inputs, new Map());
        outputs.forEach(([, values], i) => {
          assert.ok(farthest(own[i], values) < 1e-5, `${name}, output ${i}: ${farthest(own[i], values)} from PyTorch`);
          assert.ok(farthest(own[i], engine[i].data) < 1e-5, `${name}, output ${i} is not our engine's`);
        });
      }
    });

    it('with quantized Linears give what our engine gives with the operators’ products, within 1e-5', async () => {
      const withLinears = [
        'mlp',
        'nested',
        'words',
        'bag',
        'convolutions1d',
        'activations',
        'encoder_layer',
        'encoder_model',
        'decoder',
      ];
      for (const one of made.filter(({ name }) => withLinears.includes(name))) {
        const model = await open(one.name);
        const { quantizable } = await loadTree(model, model.root, neverAborted);
        const replaced = new Map(
          [...quantizable].flatMap(([path, module]) =>
            module instanceof Linear && !path.endsWith('out_proj') ? [[path, dynamicProduct(module)] as const] : [],
          ),
        );
        assert.ok(replaced.size > 0);
        const expected = await runEngine(model, one.inputs, replaced);
        const { outputs } = ran.get(`${one.name}.int8`) as Ran;
        expected.forEach(({ data }, i) => {
          assert.ok(farthest(outputs[i], data) < 1e-5, `${one.name}, output ${i}: ${farthest(outputs[i], data)}`);
        });
      }
    });

    const refusals: readonly [name: string, message: RegExp][] = [
      ['proj', /^proj cannot be written as ONNX: it has proj_size/],
      ['biased_keys', /^1 cannot be written as ONNX: it adds steps to its keys/],
      ['adaptive', /^1 cannot be .* to a size of 1 only/],
      ['ceiling', /^1 cannot be .* its ceil_mode/],
      ['max_norm', /^0 cannot be .* \(max_norm\)/],
      ['list', /^list cannot be .* no ONNX form of ModuleList/],
      ['tuple', /^1 cannot be .* the module before it gives several values/],
      ['unknown', /^unknown cannot be .* the forward of LocalResponseNorm \(1\) is not in the file/],
      ['bilinear', /^1 cannot be .* no ONNX form of CosineSimilarity/],
      ['nothing', /^nothing cannot be .* no module with weights/],
    ];
    for (const [name, message] of refusals) {
      it(`are refused with the module’s name and the reason: ${name}`, async () => {
        const model = await open(name);
        const refused = writeExport(folder, model, 'out.onnx', { format: 'onnx' });
        await assert.rejects(refused, { code: 'E_EXPORT_ONNX', message });
      });
    }

    it('quantized stay near the float ones, whatever they are made of', () => {
      for (const { name } of made) {
        const [float, int8] = [ran.get(name) as Ran, ran.get(`${name}.int8`) as Ran];
        float.outputs.forEach((values, i) => {
          const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
          assert.ok(farthest(values, int8.outputs[i]) < 0.1 * largest, `${name}: ${farthest(values, int8.outputs[i])}`);
        });
      }
    });
  },
  ['current'],
);

/** A Linear as DynamicQuantizeLinear and MatMulInteger compute it. */
function dynamicProduct({ weight, bias }: Linear): RunnableModule {
  const [rows, columns] = weight.shape;
  const parameters = {
    weight: weight.data as Float32Array,
    bias: (bias?.data as Float32Array) ?? new Float32Array(rows),
  };
  return new FunctionModule(([input]) => {
    const { data, shape } = floatInput(input);
    return floatTensor(product(parameters, data as Float32Array, columns), [...shape.slice(0, -1), rows]);
  });
}

async function runEngine(
  model: Model,
  inputs: Made['inputs'],
  replaced: ReadonlyMap<string, RunnableModule>,
): Promise<FloatTensor[]> {
  const tree = await loadTree(model, model.root, neverAborted);
  const given = inputs.map(
    ([dtype, shape, values]): Tensor =>
      dtype === 'int64'
        ? { dtype, shape, data: BigInt64Array.from(values, BigInt) }
        : floatTensor(Float32Array.from(values), shape),
  );
  const outputs = tree.assemble(replaced).forward(given, { kernels: selectKernels(), abort: neverAborted });
  return outputs.map((output) => floatInput(output));
}
