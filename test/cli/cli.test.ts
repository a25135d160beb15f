import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { neverAborted } from '../../src/core/abort';
import { openModel } from '../../src/model/openModel';
import { openFileSource } from '../../src/worker/fileSource';
import { commandLine, type Json, sortedKeys } from '../support/commandLine';
import { expectedOf, fixturePath } from '../support/fixtures';

const mlp = fixturePath('torch-2.13', 'mlp.pt');
const wordLm = fixturePath('torch-2.13', 'word_lm.pt');

describe('the command line', function () {
  this.timeout(30_000);
  const { at, run, json } = commandLine();

  describe('inspect', () => {
    it('--json', async () => {
      const result = await json('inspect', mlp);
      assert.deepEqual(sortedKeys(result), [
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
      assert.deepEqual(sortedKeys(result.modules[0]), ['params', 'path', 'repr', 'tensors', 'type']);
      assert.deepEqual(result.modules[1].tensors, ['0.weight', '0.bias']);
      assert.equal(result.safety.verdict, 'safe');
      for (const use of result.safety.globals) {
        assert.ok(typeof use.module === 'string' && typeof use.name === 'string' && use.verdict === 'safe');
      }
    });

    it('as text', async () => {
      const { code, stdout } = await run(['inspect', wordLm]);
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
      const { stdout } = await run(['stats', fixturePath('kinds', 'kinds.pt')]);
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
      assert.deepEqual(sortedKeys(rnn.bytes), ['after', 'before']);
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
      const { code, stdout } = await run(['quantize', wordLm, '--exclude', '*']);
      assert.equal(code, 0);
      assert.match(stdout, /0 modules quantized/);
      assert.match(stdout, /stays float: rnn LSTM: excluded/);
    });
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
      const { code, stdout } = await run(['recipe', '--runs', '1']);
      assert.equal(code, 0);
      assert.match(
        stdout,
        /^Here is the floating point version of this module:\nlstm_for_demonstration\(\n {2}\(lstm\): LSTM\(8, 8\)\n\)\n/,
      );
    });

    it('--write saves a float model that opens again', async () => {
      const path = at('written.pt');
      const { file, bytes } = await json('recipe', '--write', path);
      assert.deepEqual([file, bytes], [path, (await stat(path)).size]);
      const source = await openFileSource(path);
      const model = await openModel(source, neverAborted);
      assert.equal(model.modules.get('lstm')?.repr, 'LSTM(8, 8)');
      await source.close();
      assert.ok((await readdir(at())).every((name) => !name.endsWith('.tmp')));
    });
  });

  it('scan --json', async () => {
    const result = await json('scan', mlp);
    assert.deepEqual(sortedKeys(result), ['globals', 'verdict']);
    assert.equal(result.verdict, 'safe');
    assert.ok(result.globals.length > 0);
    for (const use of result.globals)
      assert.deepEqual(sortedKeys(use), ['module', 'name', 'offset', 'reason', 'verdict']);
  });
});
