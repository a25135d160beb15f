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
  /** The fixture that is exported, without its suffix. */
  readonly source: string;
  readonly engine: EngineName | null;
  readonly per_channel: boolean;
  readonly request: Partial<ExportRequestDto>;
}

/** Every way to write a state dict that PyTorch can load, and whole modules where the fixture holds them. */
function jobs(): Job[] {
  return [...cases.flatMap(stateDicts), ...['recipe_lstm', 'mlp'].flatMap(wholeModules)];
}

const styles = ['1.13', '2'] as const;

function wholeModules(name: string): Job[] {
  const layout = 'whole_module';
  const shared = { case: name, source: `${name}.module` };
  return styles.flatMap((torchStyle) => [
    {
      ...shared,
      title: `the modules of ${name} in float in the container of ${torchStyle}`,
      engine: null,
      per_channel: false,
      request: { layout, torchStyle },
    },
    ...engines.flatMap((engine) =>
      [false, true].map((perChannel) => ({
        ...shared,
        title: `the modules of ${name} for ${engine}${perChannel ? ', per channel' : ''} in the container of ${torchStyle}`,
        engine,
        per_channel: perChannel,
        request: { layout, torchStyle, spec: spec({ engine, perChannel }) } as const,
      })),
    ),
  ]);
}

function stateDicts(name: string): Job[] {
  const shared = { case: name, source: name };
  return [
    { ...shared, title: `${name} in float`, engine: null, per_channel: false, request: {} },
    ...engines.flatMap((engine) =>
      [false, true].flatMap((perChannel) =>
        (['state_dict', 'set_weight_bias'] as const).flatMap((layout) =>
          styles.map((torchStyle) => ({
            ...shared,
            title: `${name} for ${engine}${perChannel ? ', per channel' : ''}, ${layout} in the container of ${torchStyle}`,
            engine,
            per_channel: perChannel,
            request: { layout, torchStyle, spec: spec({ engine, perChannel }) },
          })),
        ),
      ),
    ),
  ];
}

interface Answer {
  /** The largest difference of any output from PyTorch's own quantized model. */
  readonly difference: number;
  readonly printed: boolean;
  /** Set for plain tensors: whether weights_only=True alone loads the file. */
  readonly plain?: boolean;
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
      const model = await openFixtureModel(version, `${job.source}.pt`);
      asked.push({ ...job, request, ...(await writeExport(folder, model, `${i}.pt`, request)) });
    }
    const list = join(folder, 'jobs.json');
    await writeFile(list, JSON.stringify(asked));
    const given = await askPython<Answer[]>(python, 'load_export.py', list);
    known.forEach(({ title }, i) => {
      answers.set(title, given[i]);
    });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { title, request } of known) {
    it(`${title}: no output differs, and it prints the same`, () => {
      const { plain, ...answer } = answers.get(title) as Answer;
      assert.deepEqual(answer, { difference: 0, printed: true });
      // 1.13 rebuilds no quantized tensor under weights_only=True, whoever wrote it.
      if (request.layout === 'set_weight_bias') assert.equal(plain, !python.torch.startsWith('1.13'));
    });
  }
});
