import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { numel } from '../../src/core/shape';
import { isGgufName } from '../../src/model/export/ggufNames';
import { openModel } from '../../src/model/openModel';
import { openFileSource } from '../../src/worker/fileSource';
import { writeExport } from '../support/exports';
import { modelFrom, spec } from '../support/models';
import { askPython, describeWithTorch } from '../support/pythons';
import { gaussian } from '../support/random';
import { modelOf } from '../support/tensorEntries';

interface Answer {
  readonly architecture: string;
  readonly tensors: Readonly<Record<string, readonly [encoding: string, same: boolean]>>;
}

/** Name, shape, size of the values, and the encoding quantized: a row that is no whole blocks stays F16. */
const tensors: readonly (readonly [string, readonly number[], number, string])[] = [
  ['token_embd.weight', [6, 96], 1, 'Q8_0'],
  ['blk.0.attn_q.weight', [64, 64], 1e-3, 'Q8_0'],
  ['blk.0.attn_k.weight', [7, 32], 1e-7, 'Q8_0'],
  ['blk.0.attn_v.weight', [1, 160], 3e4, 'Q8_0'],
  ['blk.0.ffn_up.weight', [5, 31], 1, 'F16'],
  ['blk.0.ffn_down.weight', [5, 33], 1, 'F16'],
  ['blk.0.ffn_gate.weight', [3, 1], 1, 'F16'],
  ['blk.0.ffn_up_exps.weight', [2, 3, 64], 1, 'Q8_0'],
  ['blk.0.ffn_down_exps.weight', [2, 3, 47], 1, 'F16'],
  ['blk.0.ffn_norm.weight', [64], 1, 'F32'],
  ['output.weight', [5, 70], 1, 'F16'],
];

describeWithTorch(
  'GGUF that we write, by gguf-py',
  (python) => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quantscope-gguf-'));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const random = gaussian(3);
    const states = Object.fromEntries(
      tensors.map(([name, shape, size]) => {
        const values = random(numel(shape)).map((value) => value * size);
        // Exact halves of a step, and a block of zeros, are where rounding could differ.
        if (values.length > 64) {
          values.set(
            [0, 0.5, -0.5, 127, -127].map((value) => value * size),
            0,
          );
          values.fill(0, 32, 64);
        }
        return [name, { shape, values }];
      }),
    );

    for (const [what, chosen] of [
      ['Q8_0', spec()],
      ['F16', null],
    ] as const) {
      it(`${what}: every byte is what gguf.quants.quantize makes, for odd widths too`, async () => {
        const model = await modelOf(states);
        const arrays = await writeExport(folder, model, 'model.npz', { format: 'npz' });
        const { file, load } = await writeExport(folder, model, `${what}.gguf`, { format: 'gguf', spec: chosen });
        const answer = await askPython<Answer>(python, 'read_gguf.py', file, arrays.file, load);
        const expected = tensors.map(([name, , , encoding]) => [name, [encoding === 'Q8_0' ? what : encoding, true]]);
        assert.deepEqual(answer.tensors, Object.fromEntries(expected));
      });
    }

    it('names the architecture that config.json beside the weights tells', async () => {
      const model = await modelOf(states);
      const { file } = await writeExport(folder, model, 'model.safetensors', { format: 'safetensors' });
      await writeFile(
        join(folder, 'config.json'),
        JSON.stringify({ architectures: ['LlamaForCausalLM'], model_type: 'llama' }),
      );
      const source = await openFileSource(file);
      const named = await openModel(source, neverAborted);
      const arrays = await writeExport(folder, model, 'model.npz', { format: 'npz' });
      const written = await writeExport(folder, named, 'llama.gguf', { format: 'gguf' });
      await source.close();
      const answer = await askPython<Answer>(python, 'read_gguf.py', written.file, arrays.file, written.load);
      assert.equal(answer.architecture, 'llama');
    });

    it('every name that gguf-py gives to a tensor of a language model is one, and no other', async () => {
      const { known, loose } = await askPython<{ known: string[]; loose: string[] }>(python, 'gguf_names.py');
      assert.ok(known.length > 140);
      assert.deepEqual(
        known.filter((name) => !isGgufName(name)),
        [],
      );
      assert.deepEqual(loose.filter(isGgufName), []);
    });

    const refused: readonly [what: string, open: () => Promise<Parameters<typeof writeExport>[1]>, found: RegExp][] = [
      ['PyTorch’s own names', () => modelOf({ 'layers.0.weight': { shape: [1, 1], values: [1] } }), /^1 of 1 tensors/],
      [
        'a part that no block has',
        () => modelOf({ ...states, 'blk.0.conv1.weight': { shape: [1, 1], values: [1] } }),
        /^1 of 12 /,
      ],
      [
        'a block of an encoder with a decoder’s words',
        () => modelOf({ 'enc.blk.0.ssm_a': { shape: [1], values: [1] } }),
        /^1 of 1 /,
      ],
    ];
    for (const [what, open, found] of refused) {
      it(`is refused for ${what}`, async () => {
        const refusal = writeExport(folder, await open(), 'no.gguf', { format: 'gguf' });
        await assert.rejects(refusal, ({ details }) => details.code === 'E_EXPORT_GGUF' && found.test(details.found));
      });
    }

    it('is refused for a GGUF, whose vocabulary it would lose', async () => {
      const { file } = await writeExport(folder, await modelOf(states), 'again.gguf', { format: 'gguf' });
      const again = await modelFrom(new Uint8Array(await readFile(file)), 'again.gguf');
      const refusal = writeExport(folder, again, 'no.gguf', { format: 'gguf', spec: spec() });
      await assert.rejects(refusal, { code: 'E_EXPORT_GGUF', message: /^Hyperparameters and vocabulary/ });
    });
  },
  ['current'],
);
