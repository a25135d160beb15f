import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { neverAborted } from '../../../src/core/abort';
import { unsupported } from '../../../src/core/errors';
import { noProgress } from '../../../src/core/progress';
import { summarize } from '../../../src/model/describeModel';
import { forwardModule } from '../../../src/model/forwardModule';
import type { Model } from '../../../src/model/openModel';
import { modelReport } from '../../../src/model/report';
import type { ReportTextsDto } from '../../../src/protocol/compareDto';
import type { ForwardRequestDto, ForwardResultDto } from '../../../src/protocol/forwardDto';
import { reportWords } from '../../../src/worker/reportWords';
import { openFixtureModel, quantized, spec } from '../../support/models';
import { root } from '../../support/root';
import { modelOf } from '../../support/tensorEntries';

const bundle = (name: string): Record<string, string> =>
  JSON.parse(readFileSync(join(root, 'l10n', `${name}.json`), 'utf8'));
const korean: ReportTextsDto = { language: 'ko', texts: bundle('bundle.l10n.ko') };
/** Every text in brackets, so that one without them went around the translation. */
const pseudo: ReportTextsDto = {
  language: 'pseudo',
  texts: Object.fromEntries(Object.keys(bundle('bundle.l10n')).map((key) => [key, `⟦${key}⟧`])),
};

type Run = (request: ForwardRequestDto) => Promise<ForwardResultDto>;

/** One pass for all reports of a model: its latencies differ from run to run. */
function runOnce(model: Model): Run {
  let result: Promise<ForwardResultDto> | undefined;
  return (request) => {
    result ??= forwardModule(model, request, neverAborted, noProgress).then((ran) => ran.result);
    return result;
  };
}

const failing: Run = async () => {
  throw unsupported('E_ZIP_CRC', 'The record is damaged.');
};

async function reportOf(model: Model, run: Run, texts?: ReportTextsDto) {
  const [first] = summarize(model).runnable;
  const shapes = first?.inputs.map(({ shape }) => shape) ?? [];
  const request = {
    module: first?.path,
    seed: 29592,
    shapes,
    engine: 'fbgemm',
    perChannel: false,
    runs: 2,
    warmup: 1,
  } as const;
  const proposed = async () => (first === undefined ? undefined : request);
  return modelReport(model, spec(), proposed, await quantized(model), reportWords(texts), run);
}

/** What a person reads or hears, without code and what is printed, which is PyTorch's in every language. */
function shownTexts(html: string): string[] {
  const body = html.replace(/<(style|pre)>[\s\S]*?<\/\1>/g, '');
  const attributes = [...body.matchAll(/ (?:aria-label|title|alt)="([^"]*)"/g)].map(([, text]) => text);
  return [...body.split(/<[^>]*>/), ...attributes].map((text) => text.trim()).filter((text) => /\p{L}/u.test(text));
}

/** Names, units and words of the field that stay as they are. */
const kept =
  /^(mean absolute value of .*|or|[\d.]+ percent|float32|int8|per_tensor|p95|RMSE|SQNR, dB|pickle|µs|SQNR [\d.∞]+ dB|[\d.]+ [KM]?B|[\w.]+\.(pt|weight\w*)|\w+ (LSTM|GRU|Linear)|\w+ \d+( × \d+)*)$/;

/** The parts of a text that are neither translated nor kept. */
function loose(text: string): string[] {
  const parts = text.replace(/⟦[^⟧]*⟧/g, '').split(/ · |[:()]|, (?=$)/);
  return parts.map((part) => part.trim()).filter((part) => /\p{L}/u.test(part) && !kept.test(part));
}

describe('the report', () => {
  it('has the five steps, and no name of the file becomes markup', async () => {
    const model = await modelOf({
      '<img src=x onerror=alert(1)>.weight': { shape: [2, 2], values: [1, 2, 3, 4] },
    });
    const report = await reportOf(model, runOnce(model));
    for (const step of ['1. Set up', '2. Quantize', '3. Size', '4. Latency', '5. Accuracy'])
      assert.ok(report.html.includes(step), step);
    assert.ok(!report.html.includes('<img'));
    assert.ok(!/<script|https?:|src=/.test(report.html.replaceAll('src=x onerror', '')));
    assert.equal(JSON.parse(report.json).generator, 'Quantscope');
  });

  for (const file of ['recipe_lstm.pt', 'word_lm.pt', 'gru_tagger.pt', 'mlp.pt']) {
    it(`${file}: no text goes around the translation`, async () => {
      const model = await openFixtureModel('2.13', file);
      const once = runOnce(model);
      const byOnnx: Run = async (request) => ({ ...(await once(request)), runtime: 'onnx' });
      for (const run of [once, byOnnx, failing]) {
        const texts = shownTexts((await reportOf(model, run, pseudo)).html);
        assert.ok(texts.length > 10);
        assert.deepEqual(texts.flatMap(loose), []);
      }
    });
  }

  it('in Korean is Korean, with the same figures, and its JSON is the same', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.pt');
    const run = runOnce(model);
    const [english, translated] = [await reportOf(model, run), await reportOf(model, run, korean)];
    assert.match(english.html, /^<!DOCTYPE html>\n<html lang="en">/);
    assert.match(translated.html, /^<!DOCTYPE html>\n<html lang="ko">/);
    for (const step of ['1. 준비', '2. 양자화', '3. 크기', '4. 지연 시간', '5. 정확도'])
      assert.ok(translated.html.includes(step), step);
    assert.equal(translated.json, english.json);
    const cells = (html: string) => [...html.matchAll(/<td>([\d.e-]+)<\/td>/g)].map(([, value]) => value);
    assert.ok(cells(english.html).length > 10);
    assert.deepEqual(cells(translated.html), cells(english.html));
  });

  it('in Korean says why a module did not run by the error’s code; the JSON has the message', async () => {
    const model = await openFixtureModel('2.13', 'mlp.pt');
    const { html, json } = await reportOf(model, failing, korean);
    assert.ok(html.includes(korean.texts.E_ZIP_CRC));
    assert.equal(JSON.parse(json).forwardFailure, 'The record is damaged.');
    assert.match((await reportOf(model, failing)).html, /<p>The record is damaged\.<\/p>/);
  });

  it('writes over no markup: a translation is text too', async () => {
    const model = await openFixtureModel('2.13', 'mlp.pt');
    const texts = { ...pseudo.texts, 'Set up': '<script>', median: '<i>' };
    const { html } = await reportOf(model, runOnce(model), { language: '"><b', texts });
    assert.doesNotMatch(html, /<script|<i>|"><b/);
  });
});
