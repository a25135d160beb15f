import { formatBytes } from '../core/text';
import type { ForwardResultDto, ProductDto } from '../protocol/forwardDto';
import type { ModelSummaryDto, OverviewDto } from '../protocol/modelDto';
import type { QuantizeReportDto } from '../protocol/quantizeDto';
import type { ReportWords } from './reportWords';

export interface ReportParts {
  readonly summary: ModelSummaryDto;
  readonly quantized: QuantizeReportDto;
  readonly skipped: OverviewDto['skipped'];
  readonly forward: ForwardResultDto | null;
  readonly forwardFailure: string;
  readonly python: string;
  readonly words: ReportWords;
}

const maxRows = 1_000;
const maxProducts = 24;

/** One HTML file that needs nothing else: no script, no link, no font. Every name from the model is escaped. */
export function renderReport(parts: ReportParts): string {
  const { summary, quantized, words } = parts;
  const { t, engine } = words;
  const facts = [
    engine(summary.label),
    t('{0} parameters', count(summary.parameters)),
    summary.dtype,
    `pickle: ${verdict(parts)}`,
    t('quantized as PyTorch’s {0} engine does', quantized.engine),
    t('by Quantscope, nothing in the file was run'),
  ];
  return `<!DOCTYPE html>
<html lang="${escapeHtml(words.language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(t('{0}: dynamic quantization', summary.file))}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeHtml(summary.file)}</h1>
<p class="muted">${escapeHtml(facts.join(' · '))}</p>
${setUp(parts)}
${quantizeStep(parts)}
${size(parts)}
${latency(parts)}
${accuracy(parts)}
</body>
</html>
`;
}

function verdict({ summary, words: { t } }: ReportParts): string {
  switch (summary.safety.verdict) {
    case 'safe':
      return t('Safe');
    case 'dangerous':
      return t('Runs code when loaded');
    case 'suspicious':
      return t('Suspicious');
    case 'unknown':
      return t('Names unknown code');
  }
}

function setUp({ summary, python, words: { t } }: ReportParts): string {
  return `<h2>1. ${escapeHtml(t('Set up'))}</h2>
<pre>${escapeHtml(summary.repr)}</pre>
<details><summary>${escapeHtml(t('The same in PyTorch'))}</summary><pre>${escapeHtml(python)}</pre></details>`;
}

function quantizeStep({ quantized, skipped, words: { t, plural, engine } }: ReportParts): string {
  const rows = quantized.modules
    .flatMap(({ path, weights }) =>
      weights.map(({ name, scheme, scales, sqnrDb, rmse, maxAbsError }) => [
        escapeHtml(path === '' ? name : `${path}.${name}`),
        scheme,
        scales.length === 1 ? number(scales[0]) : escapeHtml(t('{0} scales', count(scales.length))),
        `${bar(sqnrDb)} ${decibel(sqnrDb)}`,
        number(rmse),
        number(maxAbsError),
      ]),
    )
    .slice(0, maxRows);
  const n = quantized.modules.length;
  const done = plural(n, '{0} module quantized.', '{0} modules quantized.', count(n));
  const left = skipped.map(({ type, reason, count: k }) =>
    plural(k, '{0} × {1} stays float32: {2}.', '{0} × {1} stay float32: {2}.', count(k), type, engine(reason)),
  );
  return `<h2>2. ${escapeHtml(t('Quantize'))}</h2>
<p>${escapeHtml([done, ...left].join(' '))}</p>
<details><summary>${escapeHtml(t('print(model) after'))}</summary><pre>${escapeHtml(quantized.repr.after)}</pre></details>
${table([t('weight'), t('scheme'), t('scale'), 'SQNR, dB', 'RMSE', t('max |error|')], rows)}`;
}

function size({ quantized: { bytes }, words: { t } }: ReportParts): string {
  const exact = (value: number) => escapeHtml(`${formatBytes(value)} (${t('{0} bytes', count(value))})`);
  const ratio = bytes.before / bytes.after;
  return `<h2>3. ${escapeHtml(t('Size'))}</h2>
<p><span class="bar float" style="width:${barWidth(1)}px"></span> ${exact(bytes.before)}<br>
<span class="bar int8" style="width:${barWidth(1 / ratio)}px"></span> ${exact(bytes.after)}, <b>${escapeHtml(t('{0} times smaller', ratio.toFixed(2)))}</b></p>`;
}

function latency(parts: ReportParts): string {
  const { forward, words } = parts;
  const { t, plural } = words;
  const heading = `<h2>4. ${escapeHtml(t('Latency'))}</h2>`;
  if (forward === null) return `${heading}<p>${missing(parts)}</p>`;
  const { float, quantized, ratio } = forward.latencyUs;
  const rows = [
    ['float32', number(float.median), number(float.p95)],
    [escapeHtml(forward.form), number(quantized.median), number(quantized.p95)],
  ];
  const verdictLine =
    ratio >= 1
      ? t('{0} is {1} times faster here.', forward.form, ratio.toFixed(2))
      : t('{0} is {1} times slower here.', forward.form, (1 / ratio).toFixed(2));
  const { threads, warmup } = float;
  const facts = [
    `${forward.module || '(root)'} ${forward.moduleType}`,
    ...forward.inputs.map(({ name, shape }) => `${name} ${shape.join(' × ')}`),
    t('seed {0}', forward.seed),
    plural(
      threads,
      '{0} thread, {1} warm-up, {2} runs',
      '{0} threads, {1} warm-up, {2} runs',
      threads,
      warmup,
      Math.min(float.runs, quantized.runs),
    ),
    'µs',
    forward.runtime === 'onnx' ? t('ONNX Runtime’s WebAssembly build') : t('Quantscope’s own kernels, not PyTorch’s'),
  ];
  return `${heading}
<p class="muted">${escapeHtml(facts.join(' · '))}</p>
${table(['', t('median'), 'p95'], rows)}<p><b>${escapeHtml(verdictLine)}</b></p>`;
}

function accuracy(parts: ReportParts): string {
  const { forward, words } = parts;
  const { t } = words;
  const heading = `<h2>5. ${escapeHtml(t('Accuracy'))}</h2>`;
  if (forward === null) return `${heading}<p>${missing(parts)}</p>`;
  const { meanAbsFloat, meanAbsQuantized, meanAbsDiff, percent, sqnrDb, cosine, maxAbsDiff } = forward.accuracy;
  const products = forward.products.slice(0, maxProducts);
  const rows = products.map((product) => [
    escapeHtml(product.module === '' ? product.weight : `${product.module}.${product.weight}`),
    count(product.scale.length),
    number(Math.min(...product.scale)),
    number(Math.max(...product.scale)),
    sparkline(product),
  ]);
  const figures = [
    `SQNR ${decibel(sqnrDb)} dB`,
    t('cosine {0}', cosine.toFixed(6)),
    t('largest difference {0}', number(maxAbsDiff)),
  ];
  // The recipe's own printed lines, word for word in every language.
  return `${heading}
<p>mean absolute value of output tensor values in the FP32 model is <b>${meanAbsFloat.toFixed(5)}</b><br>
mean absolute value of output tensor values in the ${escapeHtml(forward.form.replace('float', 'fp').toUpperCase())} model is <b>${meanAbsQuantized.toFixed(5)}</b><br>
mean absolute value of the difference between the output tensors is <b>${meanAbsDiff.toFixed(5)}</b> or <b>${percent.toFixed(2)} percent</b></p>
<p class="muted">${escapeHtml(figures.join(' · '))}</p>
${outputs(forward, words)}
<h3>${escapeHtml(t('Scales chosen at run time'))}</h3>
${
  rows.length === 0
    ? `<p class="muted">${escapeHtml(t('Nothing in it is quantized at run time.'))}</p>`
    : table([t('product'), t('scales'), t('smallest'), t('largest'), t('over calls and steps')], rows)
}`;
}

function missing({ forwardFailure, words: { t } }: ReportParts): string {
  return escapeHtml(forwardFailure || t('No module of this file can be run by itself.'));
}

/** The outputs of both models on one axis. */
function outputs({ series, form }: ForwardResultDto, { t, engine }: ReportWords): string {
  const { float, quantized, label } = series;
  const all = [...float, ...quantized];
  const low = Math.min(...all);
  const span = Math.max(...all) - low || 1;
  const points = (values: readonly number[]) =>
    values
      .map(
        (value, i) =>
          `${((760 * i) / Math.max(1, values.length - 1)).toFixed(1)},${(116 - (112 * (value - low)) / span).toFixed(1)}`,
      )
      .join(' ');
  return `<figure><svg viewBox="0 0 760 120" role="img" aria-label="${escapeHtml(t('Outputs of float32 and {0}', form))}"><polyline class="float" points="${points(float)}"/><polyline class="int8" points="${points(quantized)}"/></svg><figcaption>${escapeHtml(t('Outputs, {0}:', engine(label)))} <span class="key float">float32</span> <span class="key int8">${escapeHtml(form)}</span></figcaption></figure>`;
}

function sparkline({ scale }: ProductDto): string {
  if (scale.length < 2) return '';
  const low = Math.min(...scale);
  const span = Math.max(...scale) - low || 1;
  const points = scale
    .map(
      (value, i) => `${((120 * i) / (scale.length - 1)).toFixed(1)},${(16 - (14 * (value - low)) / span).toFixed(1)}`,
    )
    .join(' ');
  return `<svg class="small" viewBox="0 0 120 18" aria-hidden="true"><polyline class="int8" points="${points}"/></svg>`;
}

/** Cells are HTML already, the heads are text. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: 'td' | 'th') =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${line(head.map(escapeHtml), 'th')}</thead><tbody>${rows.map((cells) => line(cells, 'td')).join('')}</tbody></table>`;
}

function bar(sqnrDb: number): string {
  return `<span class="bar int8" style="width:${Math.max(0, Math.min(60, sqnrDb))}px"></span>`;
}

function barWidth(share: number): number {
  return Math.max(1, Math.min(420, Math.round(420 * share)));
}

const count = (value: number) => value.toLocaleString('en-US');
const decibel = (value: number) => (Number.isFinite(value) ? value.toFixed(1) : '∞');
const number = (value: number) => (Number.isFinite(value) ? String(Number(value.toPrecision(5))) : String(value));

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Markup stays text, and characters that hide or reorder text are shown as their code points. */
function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => entities[character])
    .replace(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}

const style = `
:root{color-scheme:light dark;--text:#1f1f1f;--muted:#5f5f5f;--line:#d9d9d9;--float:#1a85ff;--int8:#c27600;--code:#f3f3f3}
@media(prefers-color-scheme:dark){:root{--text:#ccc;--muted:#9d9d9d;--line:#3a3a3a;--float:#3794ff;--int8:#d18616;--code:#252526}body{background:#1f1f1f}}
body{font:14px/20px system-ui,sans-serif;color:var(--text);max-width:960px;margin:32px auto;padding:0 24px}
h1{font-size:22px;margin:0}h2{font-size:15px;margin:28px 0 8px;border-bottom:1px solid var(--line)}h3{font-size:13px}
.muted,figcaption{color:var(--muted);font-size:13px}
pre{background:var(--code);padding:8px 12px;overflow:auto;font:12px/18px ui-monospace,monospace}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}td,th{text-align:right;padding:2px 12px 2px 0;border-bottom:1px solid var(--line)}
td:first-child,th:first-child{text-align:left;overflow-wrap:anywhere}th{color:var(--muted);font-weight:400}
.bar{display:inline-block;height:9px}.bar.float{background:var(--float)}.bar.int8{background:var(--int8)}
figure{margin:8px 0}svg{width:100%;max-height:160px}svg.small{width:120px;height:18px;vertical-align:-4px}
polyline{fill:none;stroke-width:1.5}polyline.float{stroke:var(--float)}polyline.int8{stroke:var(--int8);stroke-dasharray:4 2}
.key{border-bottom:2px solid}.key.float{border-color:var(--float)}.key.int8{border-color:var(--int8);border-bottom-style:dashed}
`;
