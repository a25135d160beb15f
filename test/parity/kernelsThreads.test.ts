import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { referenceKernels } from '../../src/engine/kernels/reference/referenceKernels';
import { referenceStreams } from '../../src/engine/kernels/reference/referenceStreams';
import { batchTiles, tileLength } from '../../src/engine/kernels/streamKernels';
import { loadSharedKernels } from '../../src/engine/kernels/wasm/loadWasmKernels';
import { wordForm } from '../../src/engine/kernels/wasm/selfTest';
import { controlWords, type Share, Team } from '../../src/engine/kernels/wasm/team';
import { TeamTrial } from '../../src/engine/kernels/wasm/teamTrial';
import { WasmHeap } from '../../src/engine/kernels/wasm/wasmHeap';
import { WasmKernels } from '../../src/engine/kernels/wasm/wasmKernels';
import { type KernelExports, webAssembly } from '../../src/engine/kernels/wasm/webAssembly';
import { Linear } from '../../src/engine/nn/linear';
import { Recurrent } from '../../src/engine/nn/recurrent';
import { Generator } from '../../src/engine/random/generator';
import { initLinear, initRecurrent } from '../../src/engine/random/initialize';
import type { FloatTensor } from '../../src/engine/tensor/tensor';
import { describeValues } from '../../src/model/describeValues';
import type { Model, ModelTensor } from '../../src/model/openModel';
import { streamed } from '../../src/model/tensorTiles';
import { sharedKernelFiles } from '../../src/worker/kernelFiles';
import { KernelThreads } from '../../src/worker/kernelThreads';
import { temporaryFolder } from '../support/bundles';
import { assertSameBits } from '../support/floatBits';
import '../support/kernels';
import { gaussian } from '../support/random';

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

  it('statistics and histograms of a batch have the bits of the reference', () => {
    const { streams } = selectKernels();
    const random = gaussian(5);
    for (const length of [1, 65_536, 65_537, 3 * 65_536 + 5, batchTiles * tileLength]) {
      const values = random(length).map((value, i) => (i % 65_537 === 65_535 ? Number.NaN : value));
      const space = streams.workspace(4 * batchTiles * tileLength);
      const { buffer, byteOffset } = space.bytes();
      const batch = new Float32Array(buffer, byteOffset, length);
      batch.set(values);
      for (let turn = 0; turn < 20; turn++) {
        assert.deepEqual(streams.statsOf(batch)(), referenceStreams.statsOf(values)(), `${length} values`);
        const [actual, expected] = [new Float64Array(512), new Float64Array(512)];
        streams.histogramOf(batch, -5, 51.2, actual)();
        referenceStreams.histogramOf(values, -5, 51.2, expected)();
        assert.deepEqual(actual, expected, `${length} values`);
      }
      space.release();
    }
  });

  it('what describes a tensor is the same with helpers and alone, also where it is read while they work', async () => {
    const values = gaussian(6)(3_000_001);
    const tensor = { name: 'w', shape: [values.length], dtype: 'float32' } as unknown as ModelTensor;
    /** Read as from a file: into the memory that the kernels work on. */
    const read = async (_: unknown, start: number, length: number, __: unknown, into?: Uint8Array) => {
      const bytes = new Uint8Array(values.buffer, 4 * start, 4 * length);
      into?.set(bytes);
      return into?.subarray(0, 4 * length) ?? bytes;
    };
    const model = { fileName: 'large.pt', file: { readRange: read } } as unknown as Model;
    const record = { ...tensor, numel: values.length, bytes: 4 * values.length };
    const describeIt = async () => {
      const source = streamed(model, record, neverAborted, () => {});
      assert.ok(source !== undefined);
      return describeValues(tensor, source, 512);
    };
    const together = await describeIt();
    await threads.stop();
    assert.equal(selectKernels().threads, 1);
    assert.deepEqual(together, await describeIt());
    let helped = 0;
    for (let turn = 0; turn < 100 && helped < count; turn++) {
      assert.deepEqual(await threads.share(1e9, describeIt), together);
      helped = await threads.share(1e9, async () => selectKernels().threads);
    }
    assert.equal(helped, count, 'the helper joins once it is there');
    assert.equal(await threads.share(1e6, async () => selectKernels().threads), 1, 'little is done alone');
    assert.equal(selectKernels().threads, 1, 'the next work has the usual kernels');
    count = await threads.use(2);
  });

  it('a batch that was given up does not reach into the next', () => {
    const { streams } = selectKernels();
    const space = streams.workspace(4 * batchTiles * tileLength);
    const { buffer, byteOffset } = space.bytes();
    const batch = new Float32Array(buffer, byteOffset, batchTiles * tileLength).map((_, i) => i % 7);
    new Float32Array(buffer, byteOffset, batch.length).set(batch);
    const inside = new Float32Array(buffer, byteOffset, batch.length);
    for (let turn = 0; turn < 50; turn++) {
      streams.histogramOf(inside, 0, 1, new Float64Array(7));
      const part = inside.subarray(0, (2 + (turn % 5)) * tileLength);
      assert.deepEqual(streams.statsOf(part)(), referenceStreams.statsOf(batch.subarray(0, part.length))());
    }
    space.release();
  });

  it('a helper that comes late writes nothing where the others have their intermediate values', () => {
    const shared = loadSharedKernels(sharedKernelFiles(dist));
    if (shared === undefined || webAssembly === undefined) return;
    const { module, memory } = shared;
    const join = () => new (webAssembly as NonNullable<typeof webAssembly>).Instance(module, { env: { memory } });
    const data = new Uint8Array(memory.buffer, 0, (join().exports as KernelExports).heapBase());
    const scratch = zeroRuns(data, 1024, 48);
    assert.ok(scratch.length >= 1024 + 48);
    for (const at of scratch) data[at] = 1;
    join();
    assert.ok(scratch.every((at) => data[at] === 1));
  });

  it('helpers that never come cost nothing: the asking thread does every chunk', () => {
    const done: number[] = [];
    const kernel: Share = (_record, _operand, _rows, _out, from, to) => done.push(from, to);
    const kernels = { multiply: kernel, statsTiles: kernel, histogramTiles: kernel };
    const team = new Team(new Int32Array(new SharedArrayBuffer(4 * controlWords)), kernels);
    for (let job = 0; job < 3; job++) team.run('multiply', [64, 64, 1, 64], 0, 10);
    assert.deepEqual(done.slice(0, 8), [0, 2, 2, 5, 5, 7, 7, 10]);
    assert.equal(done.length, 24);
  });

  it('a job that nobody can finish is an error, and its team is given up: helpers may still write', () => {
    const control = new Int32Array(new SharedArrayBuffer(4 * controlWords));
    const teamOf = (multiply: Share) =>
      new Team(control, { multiply, statsTiles: multiply, histogramTiles: multiply }, 2);
    // A helper takes the next chunk and is never heard of again.
    const silent = teamOf(() => Atomics.add(control, 1, 1));
    const broken = teamOf(() => {
      throw new RangeError('trap');
    });
    for (const [team, message] of [
      [silent, /stopped answering/],
      [broken, /trap/],
    ] as const) {
      assert.equal(team.isLost, false);
      assert.throws(() => team.run('multiply', [64, 64, 1, 64], 0, 4), message);
      assert.deepEqual([team.isLost, team.helpers], [true, 0]);
      team.finish();
    }
  });

  it('a team is used only where it was faster', () => {
    for (const [alone, together, expected] of [
      [2, 1, true],
      [1, 1, false],
      [1, 3, false],
    ] as const) {
      const trial = new TeamTrial();
      const tried = Array.from({ length: 8 }, () => {
        assert.equal(trial.isAlone, false);
        const next = trial.next();
        trial.add(next, next ? together : alone);
        return next;
      });
      assert.deepEqual(tried, [false, true, false, true, false, true, false, true]);
      assert.deepEqual([trial.next(), trial.isAlone], [expected, !expected]);
    }
  });

  for (const [slow, shared] of [
    ['team', 0],
    ['single thread', 10],
  ] as const) {
    it(`after a trial with a slow ${slow} the next layer takes ${shared} of its ten steps one by one`, () => {
      const loaded = loadSharedKernels(sharedKernelFiles(dist));
      if (loaded === undefined || webAssembly === undefined) return;
      const { module, memory } = loaded;
      const exports = new webAssembly.Instance(module, { env: { memory } }).exports as KernelExports;
      const late: Share = (...args) => {
        for (const end = performance.now() + 2; performance.now() < end; );
        exports.multiply(...args);
      };
      let steps = 0;
      const beginStep = (...args: Parameters<KernelExports['beginStep']>) => {
        steps++;
        return exports.beginStep(...args);
      };
      const [alone, together] = slow === 'team' ? [exports.multiply, late] : [late, exports.multiply];
      const control = new Int32Array(new SharedArrayBuffer(4 * controlWords));
      // A helper is ready, and sleeps for ever.
      control[3] = 1;
      const team = new Team(control, { multiply: together, statsTiles: together, histogramTiles: together });
      const heap = new WasmHeap(memory, exports.heapBase());
      const kernels = new WasmKernels('', { ...exports, beginStep, multiply: alone }, heap, wordForm, team);
      const shape = { inputSize: 8, hiddenSize: 256, numLayers: 1, projSize: 0, bias: true, bidirectional: false };
      const layer = new Recurrent('LSTM', shape, initRecurrent(generator, 'LSTM', shape));
      const x = generator.randn([10, 4, 8]);
      const expected = layer.forward([x], { kernels: referenceKernels, abort: neverAborted });
      for (const taken of [10, shared]) {
        steps = 0;
        const outputs = layer.forward([x], { kernels, abort: neverAborted });
        for (const [i, { data }] of outputs.entries()) assertSameBits(data, expected[i].data, `output ${i}`);
        assert.equal(steps, taken);
      }
    });
  }

  it('a helper that ended is not waited for, and has a successor the next time', async () => {
    const folder = await temporaryFolder();
    const own = new KernelThreads(folder);
    try {
      await cp(dist, folder, { recursive: true });
      await writeFile(join(folder, 'kernelThread.js'), '');
      assert.deepEqual([await own.use(2), selectKernels().threads], [1, 1]);
      await cp(join(dist, 'kernelThread.js'), join(folder, 'kernelThread.js'));
      assert.deepEqual([await own.use(2), selectKernels().threads], [count, count]);
    } finally {
      await own.stop();
      await threads.use(2);
      await rm(folder, { recursive: true, force: true });
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

/** Places from `start` on in runs of at least so many zeros: no constant has them. */
function zeroRuns(bytes: Uint8Array, start: number, least: number): number[] {
  const places: number[] = [];
  for (let from = start; from < bytes.length; from++) {
    let to = from;
    while (to < bytes.length && bytes[to] === 0) to++;
    if (to - from >= least) for (let at = from; at < to; at++) places.push(at);
    from = to;
  }
  return places;
}

/** Threads of this process where the system tells, else 0. */
function nativeThreads(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0;
}
