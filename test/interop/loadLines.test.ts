import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineName } from '../../src/protocol/dto';
import type { ExportRequestDto } from '../../src/protocol/exportDto';
import type { QuantizeSpecDto } from '../../src/protocol/quantizeDto';
import { writeExport } from '../support/exports';
import { type FixtureVersion, fixturePath } from '../support/fixtures';
import { modelFrom, spec } from '../support/models';
import { askPython, describeWithTorch } from '../support/pythons';

type Layout = ExportRequestDto['layout'];

interface Form {
  readonly what: string;
  readonly model: 'recurrent' | 'cells' | 'deep' | 'tables';
  readonly spec: Partial<QuantizeSpecDto> | null;
  /** What a person who has PyTorch would write. */
  readonly native: string;
  /** All that PyTorch's modules can be written as, where it is not given. */
  readonly layouts?: readonly Layout[];
  readonly engines?: readonly EngineName[];
  /** Layouts that name classes where 1.13 does not have them, in the container of 2.x. */
  readonly since2?: readonly Layout[];
}

const dynamic = 'quantization.default_dynamic_qconfig';
const channels = 'quantization.per_channel_dynamic_qconfig';
const tables = 'dict.fromkeys([nn.Embedding, nn.EmbeddingBag], quantization.float_qparams_weight_only_qconfig)';
const quantized = (...rest: readonly string[]) => `quantization.quantize_dynamic(${['model', ...rest].join(', ')})`;
const packed: readonly Layout[] = ['state_dict', 'whole_module'];

const forms: readonly Form[] = [
  { what: 'float', model: 'deep', spec: null, native: 'model', layouts: packed },
  { what: 'LSTM, GRU and Linear', model: 'recurrent', spec: {}, native: quantized() },
  { what: 'cells', model: 'cells', spec: {}, native: quantized(), layouts: packed },
  {
    what: 'Linear per channel',
    model: 'deep',
    spec: { perChannel: true },
    native: quantized(`{nn.Linear: ${channels}}`),
  },
  {
    what: 'a module left out',
    model: 'deep',
    spec: { exclude: ['head'] },
    native: quantized(`{nn.Linear: ${dynamic}, "head": None}`),
  },
  {
    what: 'a pattern left out',
    model: 'deep',
    spec: { exclude: ['layers.*'] },
    native: quantized(`{"head": ${dynamic}, "fused.0": ${dynamic}}`),
  },
  { what: 'one type of several', model: 'recurrent', spec: { modules: ['LSTM'] }, native: quantized('{nn.LSTM}') },
  {
    what: 'one module by name',
    model: 'deep',
    spec: { modules: ['layers.3'] },
    native: quantized(`{"layers.3.0": ${dynamic}}`),
  },
  {
    what: 'a qconfig of its own',
    model: 'deep',
    spec: { overrides: [{ target: 'head', qconfig: 'per_channel_dynamic' }] },
    native: quantized(`{nn.Linear: ${dynamic}, "head": ${channels}}`),
  },
  {
    what: 'the fused LinearReLU',
    model: 'deep',
    spec: { modules: ['LinearReLU'] },
    native: quantized('{torch.ao.nn.intrinsic.LinearReLU}'),
    layouts: packed,
    since2: ['whole_module'],
  },
  {
    what: 'embeddings of 8 bits',
    model: 'tables',
    spec: { dtype: 'quint8' },
    native: quantized(tables, 'torch.quint8'),
    layouts: packed,
  },
  {
    what: 'embeddings of 4 bits',
    model: 'tables',
    spec: { dtype: 'quint4x2' },
    native: quantized('{nn.EmbeddingBag: quantization.float_qparams_weight_only_qconfig_4bit}', 'torch.quint4x2'),
    layouts: packed,
  },
  {
    what: 'half precision',
    model: 'recurrent',
    spec: { dtype: 'float16' },
    native: quantized('None', 'torch.float16'),
    layouts: packed,
    engines: ['fbgemm'],
  },
];

const engines: readonly EngineName[] = ['fbgemm', 'onednn', 'qnnpack'];

describeWithTorch('the lines that load an export do, whatever was quantized', (python) => {
  const version: FixtureVersion = python.torch.startsWith('1.13') ? '1.13' : '2.13';
  const known = engines.filter((engine) => python.engines.includes(engine));
  const cases = forms.flatMap((form) =>
    (form.layouts ?? [...packed, 'set_weight_bias' as const]).flatMap((layout) =>
      known
        .filter((engine) => form.engines?.includes(engine) ?? true)
        .flatMap((engine) =>
          // What the container changes does not depend on the engine.
          (engine === known[0] ? (['1.13', '2'] as const) : (['1.13'] as const))
            .filter((style) => style === '1.13' || version !== '1.13' || !(form.since2 ?? []).includes(layout))
            .map((torchStyle) => ({
              ...form,
              layout,
              engine,
              torchStyle,
              title: `${form.what} as ${layout} for ${engine} in the container of ${torchStyle}`,
            })),
        ),
    ),
  );
  const answers = new Map<string, unknown>();
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quantscope-lines-'));
    const jobs = [];
    for (const [i, { title, model: name, engine, layout, torchStyle, native, ...form }] of cases.entries()) {
      const source = fixturePath(`exports/torch-${version}`, `${name}.module.pt`);
      const model = await modelFrom(new Uint8Array(await readFile(source)), `${name}.module.pt`);
      const request = { layout, torchStyle, spec: form.spec === null ? null : spec({ ...form.spec, engine }) };
      jobs.push({ source, engine, native, ...(await writeExport(folder, model, `${i}.pt`, request)) });
    }
    const list = join(folder, 'jobs.json');
    await writeFile(list, JSON.stringify(jobs));
    const given = await askPython<unknown[]>(python, 'load_models.py', list);
    cases.forEach(({ title }, i) => {
      answers.set(title, given[i]);
    });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { title } of cases) {
    it(`${title}: the state is PyTorch’s own`, () => {
      assert.equal(answers.get(title), true);
    });
  }
});
