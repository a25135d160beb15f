import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import type { ActivationForm } from '../../src/engine/nn/activations';
import { createModule } from '../../src/engine/nn/createModule';
import type { ModuleInputs, QuantizableModule, RunnableModule } from '../../src/engine/nn/module';
import { Recurrent } from '../../src/engine/nn/recurrent';
import type { QuantizedEngine } from '../../src/engine/quantization/engines';
import type { FloatTensor, Tensor } from '../../src/engine/tensor/tensor';
import { loadModule, readParameters } from '../../src/model/loadModule';
import { findModule, type Model } from '../../src/model/openModel';
import { engineOf } from './checkGoldens';
import type { TorchBuild } from './goldens';
import type { NpyArray } from './npz';

/** How a run treats the modules: float, one engine per tensor, or only Linear, per channel. */
export interface Treatment {
  readonly engine: QuantizedEngine;
  readonly mode: 'float' | 'dynamic' | 'per_channel_linear';
  readonly activations?: ActivationForm;
}

/** Inputs and outputs of a case as generate.py stores them: `input.0`, `float.0`, `fbgemm.1`. */
export type Arrays = ReadonlyMap<string, NpyArray>;

/** The run that generate.py stores under this key; the engine in its current form, or the PyTorch's own. */
export function treatmentOf(key: string, engines: readonly string[], build?: TorchBuild): Treatment {
  if (key === 'float') return { mode: 'float', engine: 'fbgemm' };
  const name = key === 'per_channel_linear' ? engines[0] : key;
  const engine = build === undefined ? (name as QuantizedEngine) : engineOf(name, build);
  const activations = build === undefined ? 'portable' : 'sleef';
  return { engine, activations, mode: key === 'per_channel_linear' ? key : 'dynamic' };
}

function input(arrays: Arrays, index: number): Tensor {
  const { data, shape } = arrays.get(`input.${index}`) ?? assert.fail(`no input.${index}`);
  return { dtype: data instanceof Float32Array ? 'float32' : 'int64', shape, data };
}

/** Runs modules of a model by their paths, quantized as the treatment says. */
class Runner {
  constructor(
    readonly model: Model,
    readonly how: Treatment,
  ) {}

  /** A module that quantize_dynamic replaces. */
  async quantizable(path: string, inputs: ModuleInputs): Promise<FloatTensor[]> {
    const node = findModule(this.model, path);
    return this.run(path, node.type, await loadModule(this.model, node, neverAborted), inputs);
  }

  /** A GRU with batch_first, which a state dict does not tell. */
  async batchFirstGru(path: string, inputs: ModuleInputs): Promise<FloatTensor[]> {
    const node = findModule(this.model, path);
    assert.ok(node.kind?.type === 'GRU');
    const parameters = await readParameters(this.model, node, neverAborted);
    return this.run(path, 'GRU', new Recurrent('GRU', { ...node.kind, batchFirst: true }, parameters), inputs);
  }

  /** A module that stays float, of the class given. */
  async float(path: string, type: string, inputs: ModuleInputs): Promise<FloatTensor[]> {
    const parameters = await readParameters(this.model, findModule(this.model, path), neverAborted);
    return this.forward(createModule(type, new Map(), parameters), inputs);
  }

  relu(x: FloatTensor): FloatTensor {
    return this.forward(createModule('ReLU', new Map(), new Map()), [x])[0];
  }

  private run(path: string, type: string, module: QuantizableModule, inputs: ModuleInputs): FloatTensor[] {
    const { mode, engine } = this.how;
    if (mode === 'float' || (mode === 'per_channel_linear' && type !== 'Linear')) return this.forward(module, inputs);
    return this.forward(module.toDynamic(path, engine, mode === 'dynamic' ? 'per_tensor' : 'per_channel'), inputs);
  }

  private forward(module: RunnableModule, inputs: ModuleInputs): FloatTensor[] {
    const context = { kernels: selectKernels(), abort: neverAborted, activations: this.how.activations };
    return module.forward(inputs, context) as FloatTensor[];
  }
}

/** The forward functions of the models in generate.py, module by module. */
const forwards: Readonly<Record<string, (run: Runner, arrays: Arrays) => Promise<FloatTensor[]>>> = {
  recipe_lstm: (run, arrays) =>
    run.quantizable(
      'lstm',
      [0, 1, 2].map((i) => input(arrays, i)),
    ),

  async word_lm(run, arrays) {
    const [embedded] = await run.float('encoder', 'Embedding', [input(arrays, 0)]);
    const [output, ...states] = await run.quantizable('rnn', [embedded, input(arrays, 1), input(arrays, 2)]);
    return [...(await run.quantizable('decoder', [output])), ...states];
  },

  async mlp(run, arrays) {
    const [hidden] = await run.quantizable('0', [input(arrays, 0)]);
    return run.quantizable('2', [run.relu(hidden)]);
  },

  async gru_tagger(run, arrays) {
    const [embedded] = await run.float('emb', 'Embedding', [input(arrays, 0)]);
    const [output] = await run.batchFirstGru('gru', [embedded]);
    const [normalized] = await run.float('norm', 'LayerNorm', [output]);
    return run.quantizable('out', [run.relu(normalized)]);
  },
};

export const corpusNames = Object.keys(forwards);

/** The largest difference between a model's outputs and those stored under `key`; every output is compared. */
export async function largestDifference(
  name: string,
  model: Model,
  arrays: Arrays,
  key: string,
  how: Treatment,
): Promise<number> {
  const outputs = await forwards[name](new Runner(model, how), arrays);
  assert.ok(!arrays.has(`${key}.${outputs.length}`), 'every output is compared');
  let worst = 0;
  for (const [i, { data, shape }] of outputs.entries()) {
    const expected = arrays.get(`${key}.${i}`) ?? assert.fail(`no ${key}.${i}`);
    assert.deepEqual(shape, expected.shape);
    for (let at = 0; at < data.length; at++) {
      worst = Math.max(worst, Math.abs(data[at] - Number(expected.data[at])));
    }
  }
  return worst;
}
