import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { openModel } from '../../src/model/openModel';
import { openFileSource } from '../../src/worker/fileSource';
import { buildBundles, temporaryFolder } from '../support/bundles';
import { expectedOf, fixturePath } from '../support/fixtures';
import { runCli } from '../support/runCli';

const mlp = fixturePath('torch-2.13', 'mlp.pt');
const wordLm = fixturePath('torch-2.13', 'word_lm.pt');
const recipeLstm = fixturePath('torch-2.13', 'recipe_lstm.pt');

/** JSON of unknown shape, looked into by tests. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the test is about
type Json = any;

describe('the command line', function () {
  this.timeout(30_000);
  let folder: string;

  before(async () => {
    folder = await temporaryFolder();
    await buildBundles(folder, ['cli', 'engineWorker']);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const run = (...args: string[]) => runCli(folder, args);

  /** A run that must end well; nothing but one JSON document may be on stdout, and nothing on stderr. */
  async function json(...args: string[]): Promise<Json> {
    const { code, stdout, stderr } = await run(...args, '--json');
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(stdout.trim().split('\n').length, 1);
    return JSON.parse(stdout);
  }

  const keys = (value: object) => Object.keys(value).sort();

  describe('forward --plan', () => {
    it('proposes, saves beside the model, and runs what was saved', async () => {
      const model = join(folder, 'plain.pt');
      await copyFile(mlp, model);
      const saved = await json('forward', model, '--save-plan');
      assert.equal(saved.path, `${model}.forward.json`);
      assert.deepEqual(saved.assumptions, ['relu: ReLU; 1 has no parameters, so it is an activation']);
      const relu = await json('forward', model, '--plan', '--runs', '1');
      const text = await readFile(saved.path, 'utf8');
      await writeFile(saved.path, text.replaceAll('"relu"', '"tanh"'));
      const tanh = await json('forward', model, '--plan', '--runs', '1');
      assert.notDeepEqual(tanh.outputs, relu.outputs);
      assert.deepEqual((await json('forward', model, '--plan', saved.path, '--runs', '1')).outputs, tanh.outputs);
      const int8 = await json('forward', model, '--plan', '--quantized', '--runs', '1');
      assert.deepEqual(
        int8.activations.map(({ module }: Json) => module),
        ['0', '2'],
      );
    });

    it('names what is wrong in a plan', async () => {
      const plan = join(folder, 'wrong.json');
      await writeFile(plan, '{"format": "quantscope-forward-plan", "version": 1, "inputs": []}');
      const { code, stderr } = await run('forward', mlp, '--plan', plan);
      assert.equal(code, 1);
      assert.match(stderr, /wrong\.json, inputs: .*E_PLAN/);
    });
  });

  describe('inspect', () => {
    it('--json', async () => {
      const result = await json('inspect', mlp);
      assert.deepEqual(keys(result), [
        'bytes',
        'file',
        'format',
        'metadata',
        'modules',
        'repr',
        'safety',
        'sources',
        'tensors',
        'warnings',
      ]);
      assert.deepEqual([result.file, result.bytes], ['mlp.pt', 13_237]);
      assert.deepEqual(result.tensors[0], {
        name: '0.weight',
        shape: [64, 32],
        dtype: 'float32',
        bytes: 8192,
        module: '0',
      });
      assert.deepEqual(keys(result.modules[0]), ['params', 'path', 'repr', 'tensors', 'type']);
      assert.deepEqual(result.modules[1].tensors, ['0.weight', '0.bias']);
      assert.equal(result.safety.verdict, 'safe');
      for (const use of result.safety.globals) {
        assert.ok(typeof use.module === 'string' && typeof use.name === 'string' && use.verdict === 'safe');
      }
    });

    it('as text', async () => {
      const { code, stdout } = await run('inspect', wordLm);
      assert.equal(code, 0);
      assert.match(stdout, /word_lm\.pt .* 373\.2 KB {2}safe/);
      assert.match(stdout, /\(rnn\): LSTM\(64, 64, num_layers=2\)/);
      assert.match(stdout, /encoder\.weight +200 × 64 +float32/);
    });
  });

  describe('stats', () => {
    it('--json lists every tensor as PyTorch sees it', async () => {
      const { tensors } = await json('stats', mlp, '--bins', '5');
      const truth = expectedOf('2.13', 'mlp').tensors;
      assert.deepEqual(
        tensors.map((one: Json) => one.name),
        Object.keys(truth),
      );
      for (const one of tensors) {
        const { shape, dtype, min, max, zeros } = truth[one.name];
        assert.deepEqual(
          [one.shape, one.dtype, one.min, one.max, one.zeros, one.nan, one.inf],
          [shape, dtype, min, max, zeros, 0, 0],
        );
        assert.equal(
          one.count,
          shape.reduce((a, b) => a * b, 1),
        );
        assert.ok(one.p01 >= one.min && one.p99 <= one.max && one.p01 <= one.p99);
        assert.deepEqual([one.histogram.edges.length, one.histogram.counts.length], [6, 5]);
        assert.equal(typeof one.mean, 'number');
        assert.equal(typeof one.std, 'number');
      }
    });

    it('names the tensors that cannot be read, and gives those of all others', async () => {
      const { tensors, unreadable } = await json('stats', fixturePath('kinds', 'kinds.pt'));
      assert.deepEqual(
        unreadable.map(({ name, code }: Json) => [name, code]),
        [['meta', 'E_PT_META']],
      );
      assert.ok(tensors.length > 20 && tensors.every(({ name }: Json) => name !== 'meta'));
      const { stdout } = await run('stats', fixturePath('kinds', 'kinds.pt'));
      assert.match(stdout, /^meta: .* \[E_PT_META\]$/m);
    });

    it('--tensor picks one', async () => {
      const { tensors } = await json('stats', mlp, '--tensor', '2.bias');
      assert.deepEqual(
        tensors.map((one: Json) => one.name),
        ['2.bias'],
      );
      assert.equal(tensors[0].histogram.counts.length, 64);
    });
  });

  describe('quantize', () => {
    it('--json', async () => {
      const result = await json('quantize', wordLm, '--engine', 'onednn');
      assert.deepEqual([result.engine, result.dtype], ['onednn', 'qint8']);
      assert.match(result.repr.before, /\(rnn\): LSTM\(/);
      assert.match(result.repr.after, /\(rnn\): DynamicQuantizedLSTM\(/);
      assert.equal(result.bytes.before, 373_186);
      assert.ok(result.bytes.after < result.bytes.before / 2);
      const [rnn] = result.modules;
      assert.deepEqual([rnn.path, rnn.type, rnn.quantizedType], ['rnn', 'LSTM', 'DynamicQuantizedLSTM']);
      assert.deepEqual(keys(rnn.bytes), ['after', 'before']);
      const truth = expectedOf('2.13', 'word_lm').quantized.onednn.weights;
      for (const weight of rnn.weights) {
        const expected = truth[`rnn.${weight.name}`];
        assert.deepEqual([weight.scheme, weight.axis, weight.zeroPoints], ['per_tensor', null, [0]]);
        assert.deepEqual([weight.scales, weight.int8Sha256], [[expected.scale], expected.int_repr_sha256]);
        for (const field of ['sqnrDb', 'rmse', 'maxAbsError']) assert.equal(typeof weight[field], 'number');
      }
      assert.deepEqual(result.skipped, [{ path: 'encoder', type: 'Embedding', reason: 'not in the spec' }]);
    });

    it('--per-channel gives Linear a scale a row', async () => {
      const { modules } = await json('quantize', mlp, '--per-channel');
      assert.deepEqual([modules[1].weights[0].axis, modules[1].weights[0].scales.length], [0, 10]);
    });

    it('--modules and --exclude choose', async () => {
      const paths = async (...args: string[]) =>
        (await json('quantize', wordLm, ...args)).modules.map((one: Json) => one.path);
      assert.deepEqual(await paths('--modules', 'LSTM'), ['rnn']);
      assert.deepEqual(await paths('--modules', 'LSTM, Linear', '--exclude', 'r*'), ['decoder']);
      assert.deepEqual(await paths('--exclude', 'rnn', '--exclude', 'decoder'), []);
    });

    it('as text it says so when nothing is quantized', async () => {
      const { code, stdout } = await run('quantize', wordLm, '--exclude', '*');
      assert.equal(code, 0);
      assert.match(stdout, /0 modules quantized/);
      assert.match(stdout, /stays float: rnn LSTM: excluded/);
    });
  });

  describe('forward', () => {
    const shapes = ['--shape', '20,1,8', '--shape', '1,1,8', '--shape', '1,1,8'];

    it('--json of the float module', async () => {
      const result = await json('forward', recipeLstm, '--runs', '3');
      assert.deepEqual(
        result.outputs.map((one: Json) => [one.shape, one.dtype]),
        [
          [[20, 1, 8], 'float32'],
          [[1, 1, 8], 'float32'],
          [[1, 1, 8], 'float32'],
        ],
      );
      assert.equal(result.outputs[0].meanAbs.toFixed(5), '0.12887');
      assert.deepEqual([result.latencyUs.runs, result.latencyUs.threads], [3, 1]);
      assert.ok(result.latencyUs.median > 0 && result.latencyUs.p95 >= result.latencyUs.median);
      assert.deepEqual(result.activations, []);
    });

    it('--threads N gives the same numbers, and says how many there were', async () => {
      const [one, two] = [
        await json('forward', recipeLstm, '--runs', '3'),
        await json('forward', recipeLstm, '--runs', '3', '--threads', '2'),
      ];
      assert.deepEqual(two.outputs, one.outputs);
      assert.equal(two.latencyUs.threads, Math.min(2, availableParallelism()));
      for (const wrong of ['0', '17', 'x'])
        assert.equal((await run('forward', recipeLstm, '--threads', wrong)).code, 2);
    });

    it('--trace writes every scale to a file', async () => {
      const trace = join(folder, 'trace.json');
      await json('forward', recipeLstm, '--runs', '1', '--trace', trace);
      const { module, engine, activations } = JSON.parse(await readFile(trace, 'utf8'));
      assert.deepEqual([module, engine, activations.length], ['lstm', 'fbgemm', 21]);
      assert.deepEqual(activations[1].weight, 'weight_hh_l0');
    });

    it('--quantized lists the scale of every step', async () => {
      const result = await json(
        'forward',
        recipeLstm,
        '--module',
        'lstm',
        '--random',
        '29592',
        ...shapes,
        '--quantized',
        '--runs',
        '1',
      );
      assert.equal(result.activations.length, 21);
      assert.deepEqual(keys(result.activations[0]), [
        'call',
        'max',
        'min',
        'module',
        'scale',
        'step',
        'weight',
        'zeroPoint',
      ]);
      const [x, h] = result.activations;
      assert.deepEqual(
        [x.module, x.weight, x.step, x.scale, x.zeroPoint],
        ['lstm', 'weight_ih_l0', 0, 0.046203324175256445, 57],
      );
      assert.deepEqual([h.weight, h.step, h.scale, h.zeroPoint], ['weight_hh_l0', 0, 0.021060500557967057, 59]);
      assert.equal(result.outputs[0].meanAbs.toFixed(5), '0.12912');
    });

    it('qnnpack uses the full range', async () => {
      const { activations } = await json('forward', recipeLstm, '--quantized', '--engine', 'qnnpack', '--runs', '1');
      assert.deepEqual([activations[0].scale, activations[0].zeroPoint], [0.023011067334343407, 115]);
    });

    it('a shape that does not fit is an error in PyTorch’s words', async () => {
      const { code, stderr } = await run('forward', recipeLstm, '--shape', '20,1,9');
      assert.equal(code, 1);
      assert.match(stderr, /Expected 8, got 9/);
    });

    it('a module that cannot be run is wrong usage, with the names that can', async () => {
      const { code, stderr } = await run('forward', wordLm, '--module', 'encoder');
      assert.equal(code, 2);
      assert.match(stderr, /rnn, decoder/);
    });
  });

  it('compare --json', async () => {
    const result = await json('compare', recipeLstm, '--runs', '2');
    assert.deepEqual(keys(result), ['accuracy', 'latencyUs', 'modules', 'size']);
    assert.deepEqual(keys(result.size), ['floatBytes', 'quantizedBytes', 'ratio']);
    assert.deepEqual(keys(result.latencyUs), ['float', 'quantized', 'ratio']);
    const { meanAbsFloat, meanAbsQuantized, meanAbsDiff, percent } = result.accuracy;
    assert.deepEqual(
      [meanAbsFloat.toFixed(5), meanAbsQuantized.toFixed(5), meanAbsDiff.toFixed(5), percent.toFixed(2)],
      ['0.12887', '0.12912', '0.00156', '1.21'],
    );
    for (const field of ['maxAbsDiff', 'sqnrDb', 'cosine']) assert.equal(typeof result.accuracy[field], 'number');
    assert.deepEqual([result.modules[0].path, result.modules[0].type], ['lstm', 'LSTM']);
  });

  describe('recipe', () => {
    const table: readonly [engine: string, int8: string, difference: string, percent: string, kilobytes: string][] = [
      ['fbgemm', '0.12912', '0.00156', '1.21', '3.455'],
      ['onednn', '0.12912', '0.00156', '1.21', '3.455'],
      ['qnnpack', '0.12890', '0.00092', '0.72', '4.017'],
      ['x86', '0.12912', '0.00156', '1.21', '3.455'],
    ];
    for (const [engine, int8, difference, percent, kilobytes] of table) {
      it(`${engine} prints PyTorch's numbers`, async () => {
        const { lines, accuracy, size, repr } = await json('recipe', '--engine', engine, '--runs', '1');
        for (const line of [
          'model:  fp32  \t Size (KB): 4.479',
          `model:  int8  \t Size (KB): ${kilobytes}`,
          'mean absolute value of output tensor values in the FP32 model is 0.12887 ',
          `mean absolute value of output tensor values in the INT8 model is ${int8}`,
          `mean absolute value of the difference between the output tensors is ${difference} or ${percent} percent`,
        ]) {
          assert.ok(lines.includes(line), `${line}\nnot in\n${lines.join('\n')}`);
        }
        assert.equal(accuracy.meanAbsQuantized.toFixed(5), int8);
        assert.equal(size.floatBytes, 4479);
        assert.match(repr.after, /\(lstm\): DynamicQuantizedLSTM\(8, 8\)/);
      });
    }

    it('as text it is the recipe’s lines', async () => {
      const { code, stdout } = await run('recipe', '--runs', '1');
      assert.equal(code, 0);
      assert.match(
        stdout,
        /^Here is the floating point version of this module:\nlstm_for_demonstration\(\n {2}\(lstm\): LSTM\(8, 8\)\n\)\n/,
      );
    });

    it('--write saves a float model that opens again', async () => {
      const path = join(folder, 'written.pt');
      const { file, bytes } = await json('recipe', '--write', path);
      assert.deepEqual([file, bytes], [path, (await stat(path)).size]);
      const source = await openFileSource(path);
      const model = await openModel(source, neverAborted);
      assert.equal(model.modules.get('lstm')?.repr, 'LSTM(8, 8)');
      await source.close();
      assert.ok((await readdir(folder)).every((name) => !name.endsWith('.tmp')));
    });
  });

  it('scan --json', async () => {
    const result = await json('scan', mlp);
    assert.deepEqual(keys(result), ['globals', 'verdict']);
    assert.equal(result.verdict, 'safe');
    assert.ok(result.globals.length > 0);
    for (const use of result.globals) assert.deepEqual(keys(use), ['module', 'name', 'offset', 'reason', 'verdict']);
  });

  describe('exit codes', () => {
    const wrong: readonly [what: string, args: readonly string[], message: RegExp][] = [
      ['an unknown verb', ['explode'], /no verb "explode"/],
      ['no file', ['inspect'], /Expected 1 file, got 0/],
      ['two files', ['inspect', mlp, mlp], /Expected 1 file, got 2/],
      ['a file where none belongs', ['recipe', mlp], /takes no file/],
      ['an unknown option', ['inspect', mlp, '--nope'], /--nope/],
      ['an unknown engine', ['quantize', mlp, '--engine', 'tpu'], /fbgemm, x86, onednn, qnnpack/],
      ['a number that is none', ['stats', mlp, '--bins', '1e3'], /--bins must be a whole number/],
      ['a negative seed', ['forward', mlp, '--random=-1'], /--random must be a whole number/],
      ['a shape that is none', ['forward', mlp, '--shape', '2x3'], /--shape must look like/],
      ['an option without its value', ['stats', mlp, '--tensor'], /--tensor/],
    ];
    for (const [what, args, message] of wrong) {
      it(`2 for ${what}, with one line on stderr and nothing on stdout`, async () => {
        for (const extra of [[], ['--json']]) {
          const { code, stdout, stderr } = await run(...args, ...extra);
          assert.equal(code, 2);
          assert.equal(stdout, '');
          assert.match(stderr, message);
          assert.equal(stderr.trimEnd().split('\n').length, 1);
        }
      });
    }

    it('2 and the usage for nothing at all, 0 for --help', async () => {
      const [none, help] = [await run(), await run('--help')];
      assert.deepEqual([none.code, help.code], [2, 0]);
      for (const verb of ['inspect', 'stats', 'quantize', 'forward', 'compare', 'recipe', 'scan']) {
        assert.match(help.stdout, new RegExp(`^ {2}${verb} `, 'm'));
      }
    });

    it('1 for a file that is not there: one line on stderr says what, which and what to do', async () => {
      const { code, stdout, stderr } = await run('inspect', join(folder, 'missing.pt'));
      assert.deepEqual([code, stdout], [1, '']);
      assert.equal(
        stderr,
        'quantscope: missing.pt: The file does not exist. Check the path; it may have been moved or deleted. [E_IO]\n',
      );
    });

    const failures: readonly [what: string, code: string, args: () => Promise<readonly string[]>][] = [
      ['a missing file', 'E_IO', async () => ['inspect', join(folder, 'missing.pt')]],
      ['a folder', 'E_NOT_A_FILE', async () => ['inspect', folder]],
      [
        'an empty file',
        'E_EMPTY',
        async () => {
          await writeFile(join(folder, 'empty.pt'), '');
          return ['scan', join(folder, 'empty.pt')];
        },
      ],
      ['a tensor that is not there', 'E_NO_TENSOR', async () => ['stats', mlp, '--tensor', 'nope']],
      [
        'a folder to write to that is not there',
        'E_WRITE',
        async () => ['recipe', '--write', join(folder, 'no', 'a.pt')],
      ],
    ];
    for (const [what, expected, args] of failures) {
      it(`1 for ${what}, with ${expected} as JSON`, async () => {
        const { code, stdout, stderr } = await run(...(await args()), '--json');
        assert.equal(code, 1);
        const { error } = JSON.parse(stdout);
        assert.deepEqual(keys(error), ['code', 'file', 'message', 'offset', 'tensor']);
        assert.equal(error.code, expected);
        assert.match(stderr, /^quantscope: [^\n]+\n$/);
      });
    }

    it('a named pipe is refused and not waited for', async function () {
      if (process.platform === 'win32') this.skip();
      execFileSync('mkfifo', [join(folder, 'pipe.pt')]);
      const { code, stderr } = await run('inspect', join(folder, 'pipe.pt'));
      assert.equal(code, 1);
      assert.match(stderr, /E_NOT_A_FILE/);
    });
  });

  it('a reader that closes the pipe early is no failure', async () => {
    for (const closeAfter of [0, 1]) {
      const { code, stderr } = await runCli(folder, ['stats', wordLm, '--bins', '20000', '--json'], { closeAfter });
      assert.deepEqual([code, stderr], [0, '']);
    }
  });

  it('a long document on a pipe is complete', async () => {
    const { tensors } = await json('stats', wordLm, '--bins', '20000');
    assert.equal(tensors.at(-1).histogram.counts.length, 20_000);
  });

  it('an interrupt ends with 130', async function () {
    if (process.platform === 'win32') this.skip();
    const { code, stdout } = await runCli(
      folder,
      ['forward', wordLm, '--module', 'rnn', '--shape', '2000,64,64', '--runs', '10000', '--json'],
      { interruptAfterMs: 700 },
    );
    assert.deepEqual([code, stdout], [130, '']);
  });
});
