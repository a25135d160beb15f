import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { neverAborted } from '../../src/core/abort';
import { commandLine } from '../support/commandLine';
import { fixturePath, openBytes } from '../support/fixtures';
import { readNpz } from '../support/npz';

const mlp = fixturePath('torch-2.13', 'mlp.pt');
const module = fixturePath('torch-1.13', 'mlp.module.pt');

describe('what the command line writes', function () {
  this.timeout(30_000);
  const { at, run } = commandLine();

  async function done(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([code, stderr], [0, '']);
    return stdout;
  }

  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

  it('quantize --whole-module is PyTorch’s own file, with the lines that load it', async () => {
    const out = at('mlp.onednn.quantized_module.pt');
    const text = await done('quantize', module, '-o', out, '--whole-module', '--engine', 'onednn');
    assert.match(text, /^model = torch\.load\("mlp\.onednn\.quantized_module\.pt", weights_only=False\)$/m);
    const expected = fixturePath('torch-1.13', 'mlp.onednn.quantized_module.pt');
    assert.equal(digest(await readFile(out)), digest(await readFile(expected)));
  });

  it('export --whole-module of a state dict is refused with the reason', async () => {
    const { code, stderr } = await run(['export', mlp, '-o', at('no.pt'), '--whole-module']);
    assert.equal(code, 1);
    assert.match(stderr, /does not say of which classes its modules are/);
    assert.ok(!(await readdir(at())).includes('no.pt'));
  });

  it('quantize to safetensors names its source by hash', async () => {
    await done('quantize', mlp, '-o', at('a.safetensors'));
    const { metadata } = await openBytes(new Uint8Array(await readFile(at('a.safetensors'))), 'a.safetensors');
    assert.equal(JSON.parse(metadata.quantization).source.sha256, digest(await readFile(mlp)));
  });

  it('export replaces a file only when it is told to', async () => {
    await done('export', mlp, '-o', at('twice.npz'));
    const again = await run(['export', mlp, '-o', at('twice.npz')]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /exists already/);
    await done('export', mlp, '-o', at('twice.npz'), '--force');
  });

  it('export in shards writes an index and says every file', async () => {
    const out = at('parts.safetensors');
    const { files, verified } = JSON.parse(await done('export', mlp, '-o', out, '--shard-bytes', '9000', '--json'));
    assert.deepEqual(
      files.map(({ name }: { name: string }) => name),
      ['parts-00001-of-00002.safetensors', 'parts-00002-of-00002.safetensors', 'parts.safetensors.index.json'],
    );
    assert.equal(verified, 4);
  });

  it('a whole model of containers becomes one ONNX graph', async () => {
    const text = await done('quantize', module, '-o', at('whole.onnx'));
    assert.match(text, /onnxruntime\.InferenceSession\("whole\.onnx"\)/);
    const { onnx } = await openBytes(new Uint8Array(await readFile(at('whole.onnx'))), 'whole.onnx');
    assert.equal(onnx?.graph?.nodes.filter(({ opType }) => opType === 'MatMulInteger').length, 2);
  });

  describe('a state dict by a forward plan', () => {
    const graphOf = async (name: string) =>
      (await openBytes(new Uint8Array(await readFile(at(name))), name)).onnx?.graph?.nodes.map(
        ({ opType }) => opType,
      ) ?? [];

    it('becomes one ONNX graph, float or quantized, by the plan that is proposed or named', async () => {
      await done('export', mlp, '--plan', '-o', at('plan.onnx'));
      assert.deepEqual(
        (await graphOf('plan.onnx')).filter((type) => type !== 'Identity'),
        ['MatMul', 'Add', 'Relu', 'MatMul', 'Add'],
      );
      await done('forward', mlp, '--save-plan', at('own.json'));
      await writeFile(at('own.json'), (await readFile(at('own.json'), 'utf8')).replaceAll('"relu"', '"tanh"'));
      await done('quantize', mlp, '--plan', at('own.json'), '-o', at('own.onnx'));
      const types = await graphOf('own.onnx');
      assert.deepEqual([types.filter((type) => type === 'MatMulInteger').length, types.includes('Tanh')], [2, true]);
    });

    const refused: readonly [what: string, args: readonly string[], code: number, message: RegExp][] = [
      ['another format', ['--plan', '-o', 'a.pt'], 2, /--plan goes with -o X\.onnx/],
      ['a module as well', ['--plan', '--module', '0', '-o', 'a.onnx'], 2, /--plan goes without --module/],
      ['no plan at all', ['-o', 'a.onnx'], 1, /does not say how its modules are joined/],
    ];
    for (const [what, args, expected, message] of refused) {
      it(`${what} is refused`, async () => {
        const { code, stderr } = await run([
          'export',
          mlp,
          ...args.map((arg) => (arg.startsWith('a.') ? at(arg) : arg)),
        ]);
        assert.equal(code, expected);
        assert.match(stderr, message);
      });
    }
  });

  it('GGUF is refused for names that are not llama.cpp’s', async () => {
    const { code, stderr } = await run(['export', mlp, '-o', at('a.gguf')]);
    assert.equal(code, 1);
    assert.match(stderr, /do not have llama\.cpp’s names/);
  });

  it('report is one HTML page that loads nothing, or JSON with the same figures', async () => {
    await done('report', mlp, '-o', at('report.html'), '--engine', 'qnnpack');
    const html = await readFile(at('report.html'), 'utf8');
    assert.match(html, /^<!doctype html>/i);
    assert.doesNotMatch(html, /<script|<link|src="|https?:\/\/(?!www\.w3\.org)/i);
    assert.match(html, /qnnpack/);
    await done('report', mlp, '-o', at('report.json'), '--engine', 'qnnpack');
    const report = JSON.parse(await readFile(at('report.json'), 'utf8'));
    assert.ok(JSON.stringify(report).includes('qnnpack'));
    const wrong = await run(['report', mlp, '-o', at('report.txt')]);
    assert.equal(wrong.code, 2);
  });

  describe('single tensors', () => {
    const arraysOf = async (name: string) => {
      const { tensors } = await openBytes(new Uint8Array(await readFile(at(name))), name);
      return tensors.map(({ name: own, tensor }) => [own, tensor.dtype, ...tensor.shape]);
    };

    it('one as .npy, several as .npz; quantized, their codes with scales beside them', async () => {
      await done('export', mlp, '--tensor', '0.weight', '-o', at('one.npy'));
      assert.deepEqual(await arraysOf('one.npy'), [['one', 'float32', 64, 32]]);
      const text = await done('quantize', mlp, '--tensor', '2.weight', '-o', at('codes.npy'));
      assert.match(text, /^array = codes\.astype\("float32"\) \* numpy\.float32\(0\.\d+\)$/m);
      assert.deepEqual(await arraysOf('codes.npy'), [['codes', 'int8', 10, 64]]);
      const both = ['--tensor', '0.weight', '--tensor', '2.weight'];
      await done('quantize', mlp, ...both, '--qconfig', '2=per_channel_dynamic', '-o', at('two.npz'));
      assert.deepEqual(await arraysOf('two.npz'), [
        ['0.weight', 'int8', 64, 32],
        ['0.weight_scale', 'float32'],
        ['0.weight_zero_point', 'int64'],
        ['2.weight', 'int8', 10, 64],
        ['2.weight_scale', 'float32', 10],
        ['2.weight_zero_point', 'int64', 10],
      ]);
      const again = [...both, '--tensor', '0.weight', '--qconfig', '2=per_channel_dynamic'];
      await done('quantize', mlp, ...again, '-o', at('again.npz'));
      assert.deepEqual(await readFile(at('again.npz')), await readFile(at('two.npz')));
    });

    it('of a file that is quantized already, whose model is not exported', async () => {
      const file = fixturePath('torch-2.13', 'mlp.fbgemm.quantized.pt');
      await done('export', file, '--tensor', '0.weight', '-o', at('values.npy'));
      await done('export', file, '--tensor', '0.weight', '--values', 'codes', '-o', at('stored.npy'));
      assert.deepEqual(
        [...(await arraysOf('values.npy')), ...(await arraysOf('stored.npy'))],
        [
          ['values', 'float32', 64, 32],
          ['stored', 'int8', 64, 32],
        ],
      );
    });

    const refused: readonly [what: string, args: readonly string[], code: number, message: RegExp][] = [
      ['a model as .npy', ['export', mlp, '-o', 'a.npy'], 1, /A \.npy holds one array.*E_EXPORT_ARRAYS/],
      [
        'two tensors as .npy',
        ['export', mlp, '--tensor', '0.weight', '--tensor', '2.weight', '-o', 'a.npy'],
        1,
        /one array/,
      ],
      [
        'codes of what stays float',
        ['quantize', mlp, '--tensor', '0.bias', '-o', 'a.npy'],
        1,
        /0\.bias has no int8 codes/,
      ],
      [
        'codes in half precision',
        ['quantize', mlp, '--dtype', 'float16', '--tensor', '0.weight', '-o', 'a.npy'],
        1,
        /float16_dynamic gives it no codes/,
      ],
      ['an unknown name', ['export', mlp, '--tensor', 'none', '-o', 'a.npy'], 1, /no tensor named "none"/],
      [
        'another container',
        ['export', mlp, '--tensor', '0.weight', '-o', 'a.pt'],
        2,
        /--tensor goes with -o X\.npy or X\.npz/,
      ],
      [
        'values without a tensor',
        ['export', mlp, '--values', 'codes', '-o', 'a.npz'],
        2,
        /--values goes with --tensor/,
      ],
    ];
    for (const [what, args, expected, message] of refused) {
      it(`${what} is refused`, async () => {
        const { code, stderr } = await run(args.map((arg) => (arg.startsWith('a.') ? at(arg) : arg)));
        assert.equal(code, expected);
        assert.match(stderr, message);
      });
    }
  });

  describe('report runs', () => {
    const forwardOf = async (...args: string[]) => {
      await done('report', ...args, '-o', at('ran.json'));
      const { forward, forwardFailure } = JSON.parse(await readFile(at('ran.json'), 'utf8'));
      return { ...forward, forwardFailure };
    };
    const shapesOf = ({ inputs }: { inputs: { shape: number[] }[] }) => inputs.map(({ shape }) => shape);

    it('a whole archive on the inputs that it was traced with', async () => {
      const forward = await forwardOf(fixturePath('torch-2.13', 'mlp.trace.pt'));
      assert.deepEqual([forward.module, shapesOf(forward)], ['', [[4, 32]]]);
    });

    it('an ONNX graph in ONNX Runtime', async () => {
      const forward = await forwardOf(fixturePath('torch-2.13', 'mlp.onnx'));
      assert.deepEqual([forward.runtime, shapesOf(forward), forward.outputs.length], ['onnx', [[4, 32]], 1]);
    });

    it('what the options of forward say: a module, a plan, a class, shapes, runs', async () => {
      const module = await forwardOf(mlp, '--module', '2', '--shape', '3,64', '--runs', '2');
      assert.deepEqual([module.module, shapesOf(module), module.latencyUs.float.runs], ['2', [[3, 64]], 2]);
      const plan = await forwardOf(mlp, '--plan');
      assert.deepEqual([plan.module, shapesOf(plan)], ['', [[20, 32]]]);
      const [file, source] = [fixturePath('forward', 'word_lm.pt'), fixturePath('forward', 'models.py')];
      const byClass = await forwardOf(file, '--source', `${source}:WordLM`);
      assert.deepEqual([byClass.moduleType, byClass.forwardFailure], ['WordLM', '']);
    });

    it('nothing where nothing runs, and the other steps stand', async () => {
      const { forwardFailure, ...forward } = await forwardOf(fixturePath('torch-2.13', 'mlp.npz'));
      assert.deepEqual([forward, forwardFailure], [{}, '']);
    });
  });

  it('report replaces a file as a whole, beside it first, and where it cannot it leaves nothing', async () => {
    await writeFile(at('old.html'), 'x'.repeat(1_000_000));
    await done('report', mlp, '-o', at('old.html'));
    assert.match(await readFile(at('old.html'), 'utf8'), /^<!doctype html>[\s\S]*<\/html>\n$/i);
    if (process.platform === 'win32') return;
    // Written in place it would go through the link.
    await writeFile(at('kept.html'), 'kept');
    await symlink(at('kept.html'), at('link.html'));
    await done('report', mlp, '-o', at('link.html'));
    assert.equal(await readFile(at('kept.html'), 'utf8'), 'kept');
    await mkdir(at('folder.html'));
    const { code, stderr } = await run(['report', mlp, '-o', at('folder.html')]);
    assert.equal(code, 1);
    assert.match(stderr, /E_WRITE/);
    assert.deepEqual(
      (await readdir(at())).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('forward --activations gives every step as .npz, and one as .npy', async () => {
    const recipe = fixturePath('torch-2.13', 'recipe_lstm.pt');
    const product = ['--product', 'lstm.weight_hh_l0', '--runs', '1'];
    await done('forward', recipe, ...product, '--activations', at('steps.npz'));
    await done('forward', recipe, ...product, '--step', '7', '--activations', at('step.npy'));
    const [all, one] = [
      await readNpz(at('steps.npz')),
      await openBytes(new Uint8Array(await readFile(at('step.npy'))), 'step.npy'),
    ];
    const values = all.get('values')?.data.slice(7 * 8, 8 * 8) as Float32Array;
    const [{ tensor }] = one.tensors;
    assert.deepEqual([tensor.dtype, ...tensor.shape], ['float32', 8]);
    assert.deepEqual(await one.readTensor(tensor, neverAborted), new Uint8Array(values.buffer));
    const none = await run(['forward', recipe, '--runs', '1', '--activations', at('none.npz')]);
    assert.deepEqual([none.code, /--product MODULE\.WEIGHT/.test(none.stderr)], [2, true]);
  });

  it('forward --outputs of several outputs is no .npy', async () => {
    const recipe = fixturePath('torch-2.13', 'recipe_lstm.pt');
    const { code, stderr } = await run(['forward', recipe, '--runs', '1', '--outputs', at('three.npy')]);
    assert.deepEqual([code, /A \.npy holds one array/.test(stderr)], [1, true]);
    assert.ok(!(await readdir(at())).includes('three.npy'));
  });

  it('forward --outputs gives the outputs as npz', async () => {
    await done('forward', mlp, '--module', '0', '--runs', '1', '--outputs', at('outputs.npz'));
    const file = await openBytes(new Uint8Array(await readFile(at('outputs.npz'))), 'outputs.npz');
    assert.deepEqual(
      file.tensors.map(({ name, tensor }) => [name, tensor.dtype, ...tensor.shape]),
      [['output.0', 'float32', 20, 64]],
    );
  });
});
