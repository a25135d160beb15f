import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { referenceKernels } from '../../src/engine/kernels/reference/referenceKernels';
import { controlWords, Team } from '../../src/engine/kernels/wasm/team';
import { TeamTrial } from '../../src/engine/kernels/wasm/teamTrial';
import { Linear } from '../../src/engine/nn/linear';
import { Recurrent } from '../../src/engine/nn/recurrent';
import { Generator } from '../../src/engine/random/generator';
import { initLinear, initRecurrent } from '../../src/engine/random/initialize';
import type { FloatTensor } from '../../src/engine/tensor/tensor';
import { KernelThreads } from '../../src/worker/kernelThreads';
import { assertSameBits } from '../support/floatBits';
import '../support/kernels';

const dist = join(__dirname, '..', '..', '..', 'dist');

/** Both ways are tried in turn; after so many calls one is chosen. */
const calls = 10;

describe('kernels on several threads', () => {
  const threads = new KernelThreads(dist);
  const generator = new Generator(3);
  let count = 1;

  before(async () => {
    count = await threads.use(2);
  });
  after(() => threads.stop());

  function linear(inFeatures: number, outFeatures: number): Linear {
    const parameters = initLinear(generator, inFeatures, outFeatures, true);
    return new Linear(parameters.get('weight') as FloatTensor, parameters.get('bias'));
  }

  it('there are as many as the machine has, and the report says so', () => {
    assert.equal(selectKernels().threads, count);
  });

  for (const [rows, inFeatures, outFeatures] of [
    [1, 1024, 4104],
    [33, 384, 340],
  ]) {
    it(`a product of ${rows} × ${inFeatures} → ${outFeatures} has the bits of the reference, int8 and float`, function () {
      this.timeout(20_000);
      const float = linear(inFeatures, outFeatures);
      const x = generator.randn([rows, inFeatures]);
      for (const module of [float, float.toDynamic('', 'fbgemm', 'per_tensor')]) {
        const [expected] = module.forward([x], { kernels: referenceKernels, abort: neverAborted });
        for (let i = 0; i < calls; i++) {
          const [output] = module.forward([x], { kernels: selectKernels(), abort: neverAborted });
          assertSameBits(output.data, expected.data, `call ${i}`);
        }
      }
    });
  }

  for (const mode of ['LSTM', 'GRU'] as const) {
    it(`${mode}, steps that are shared one by one, both directions`, function () {
      this.timeout(60_000);
      const shape = { inputSize: 16, hiddenSize: 1200, numLayers: 1, projSize: 0, bias: true, bidirectional: true };
      const float = new Recurrent(mode, shape, initRecurrent(generator, mode, shape));
      const x = generator.randn([3, 1, 16]);
      for (const module of [float, float.toDynamic('', 'fbgemm', 'per_tensor')]) {
        const expected = module.forward([x], { kernels: referenceKernels, abort: neverAborted });
        for (let i = 0; i < 3; i++) {
          const outputs = module.forward([x], { kernels: selectKernels(), abort: neverAborted });
          for (const [j, { data }] of outputs.entries()) assertSameBits(data, expected[j].data, `output ${j}`);
        }
      }
    });
  }

  it('helpers that never come cost nothing: the asking thread does every chunk', () => {
    const done: number[] = [];
    const team = new Team(new Int32Array(new SharedArrayBuffer(4 * controlWords)));
    for (let job = 0; job < 3; job++) {
      team.multiply((_record, _operand, _rows, _out, from, to) => done.push(from, to), [64, 64, 1, 64], 0, 10);
    }
    assert.deepEqual(done.slice(0, 8), [0, 2, 2, 5, 5, 7, 7, 10]);
    assert.equal(done.length, 24);
  });

  it('a team is used only where it was faster', () => {
    for (const [alone, together, expected] of [
      [2, 1, true],
      [1, 1, false],
      [1, 3, false],
    ] as const) {
      const trial = new TeamTrial();
      const tried = Array.from({ length: 8 }, () => {
        const next = trial.next();
        trial.add(next, next ? together : alone);
        return next;
      });
      assert.deepEqual(tried, [false, true, false, true, false, true, false, true]);
      assert.equal(trial.next(), expected);
    }
  });

  it('helpers end with the thread that started them', async function () {
    this.timeout(20_000);
    const before = nativeThreads();
    const code = `
      require(${JSON.stringify(join(__dirname, '..', 'support', 'kernels.js'))});
      const { KernelThreads } = require(${JSON.stringify(join(__dirname, '..', '..', 'src', 'worker', 'kernelThreads.js'))});
      new KernelThreads(${JSON.stringify(dist)}).use(2).then((count) => require('node:worker_threads').parentPort.postMessage(count));
      setInterval(() => {}, 1000);`;
    const worker = new Worker(code, { eval: true });
    const started = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    assert.equal(started, count);
    if (count > 1 && before > 0) assert.ok(nativeThreads() >= before + 2);
    await worker.terminate();
    for (let i = 0; i < 100 && nativeThreads() > before; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(nativeThreads() <= before, 'as many threads as before');
  });
});

/** Threads of this process where the system tells, else 0. */
function nativeThreads(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0;
}
