import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { summarize } from '../../src/model/describeModel';
import { type Model, openModel } from '../../src/model/openModel';
import { quantized } from '../support/models';
import { askPython, describeWithTorch } from '../support/pythons';

interface Answer {
  readonly label: string;
  readonly file: string;
  readonly print: string;
  readonly quantized?: string;
  readonly quantizedFile?: string;
}

describeWithTorch('print(model) of every kind of module', (python) => {
  let folder: string;
  let answers: Answer[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quantscope-prints-'));
    answers = await askPython(python, 'print_modules.py', folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function open(file: string): Promise<Model> {
    const bytes = new Uint8Array(await readFile(join(folder, file)));
    return openModel(bytesSource(bytes, file), neverAborted);
  }

  /** Every kind, so that one difference does not hide the others. */
  async function compare(textOf: (answer: Answer) => Promise<[actual: string, expected: string] | undefined>) {
    const different: string[] = [];
    let compared = 0;
    for (const answer of answers) {
      const texts = await textOf(answer);
      if (texts === undefined) continue;
      compared++;
      if (texts[0] !== texts[1]) different.push(`${answer.label}\n--- ours\n${texts[0]}\n--- PyTorch's\n${texts[1]}`);
    }
    assert.equal(different.length, 0, different.join('\n\n'));
    return compared;
  }

  it('as they are', async () => {
    assert.ok((await compare(async ({ file, print }) => [summarize(await open(file)).repr, print])) > 70);
  });

  it('as quantize_dynamic wrote them', async () => {
    const compared = await compare(async ({ quantizedFile, quantized: print }) =>
      quantizedFile && print ? [summarize(await open(quantizedFile)).repr, print] : undefined,
    );
    assert.ok(compared > 60);
  });

  it('as Quantscope quantizes them', async () => {
    const compared = await compare(async ({ file, quantized: print }) => {
      if (print === undefined) return undefined;
      const model = await open(file);
      if (model.tensors.size === 0) return undefined;
      const types = ['Linear', 'LSTM', 'GRU', 'LSTMCell', 'GRUCell', 'RNNCell'];
      return [(await quantized(model, { modules: types })).repr.after, print];
    });
    assert.ok(compared > 25);
  });
});
