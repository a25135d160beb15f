import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineName } from '../../src/protocol/dto';
import type { ExportRequestDto } from '../../src/protocol/exportDto';
import { writeExport } from '../support/exports';
import type { FixtureVersion } from '../support/fixtures';
import { openFixtureModel, spec } from '../support/models';
import { askPython, describeWithTorch } from '../support/pythons';

const cases = ['recipe_lstm', 'word_lm', 'mlp', 'gru_tagger'];
const engines: readonly EngineName[] = ['fbgemm', 'onednn', 'qnnpack'];

interface Job {
  readonly title: string;
  readonly case: string;
  readonly engine: EngineName | null;
  readonly per_channel: boolean;
  readonly request: Partial<ExportRequestDto>;
}

/** Every way to write a state dict that PyTorch can load. */
function jobs(): Job[] {
  return cases.flatMap((name) => [
    { title: `${name} in float`, case: name, engine: null, per_channel: false, request: {} },
    ...engines.flatMap((engine) =>
      [false, true].flatMap((perChannel) =>
        (['state_dict', 'set_weight_bias'] as const).flatMap((layout) =>
          (['1.13', '2'] as const).map((torchStyle) => ({
            title: `${name} for ${engine}${perChannel ? ', per channel' : ''}, ${layout} in the container of ${torchStyle}`,
            case: name,
            engine,
            per_channel: perChannel,
            request: { layout, torchStyle, spec: spec({ engine, perChannel }) },
          })),
        ),
      ),
    ),
  ]);
}

interface Answer {
  /** The largest difference of any output from PyTorch's own quantized model. */
  readonly difference: number;
  readonly printed: boolean;
}

describeWithTorch('exports that PyTorch loads with the lines that come with them', (python) => {
  let folder: string;
  const known = jobs().filter(({ engine }) => engine === null || python.engines.includes(engine));
  const answers = new Map<string, Answer>();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quantscope-exports-'));
    const version: FixtureVersion = python.torch.startsWith('1.13') ? '1.13' : '2.13';
    const asked = [];
    for (const [i, { request, ...job }] of known.entries()) {
      const model = await openFixtureModel(version, `${job.case}.pt`);
      asked.push({ ...job, ...(await writeExport(folder, model, `${i}.pt`, request)) });
    }
    const list = join(folder, 'jobs.json');
    await writeFile(list, JSON.stringify(asked));
    const given = await askPython<Answer[]>(python, 'load_export.py', list);
    known.forEach(({ title }, i) => {
      answers.set(title, given[i]);
    });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { title } of known) {
    it(`${title}: no output differs, and it prints the same`, () => {
      assert.deepEqual(answers.get(title), { difference: 0, printed: true });
    });
  }
});
