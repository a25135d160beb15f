import type { ReportDto } from '../protocol/compareDto';
import type { ForwardRequestDto, ForwardResultDto } from '../protocol/forwardDto';
import type { QuantizeReportDto, QuantizeSpecDto } from '../protocol/quantizeDto';
import { summarize } from './describeModel';
import type { Model } from './openModel';
import { skippedGroups } from './overview';
import { pythonLines } from './pythonLines';
import { renderReport } from './reportHtml';
import type { ReportWords } from './reportWords';

/** The recipe's five steps for this file, as one HTML page in the given words and as JSON. `request` says what runs, where anything does. */
export async function modelReport(
  model: Model,
  spec: QuantizeSpecDto,
  request: () => Promise<ForwardRequestDto | undefined>,
  quantized: QuantizeReportDto,
  words: ReportWords,
  run: (chosen: ForwardRequestDto) => Promise<ForwardResultDto>,
): Promise<ReportDto> {
  const summary = summarize(model);
  let forward: ForwardResultDto | null = null;
  let forwardFailure = '';
  let failureSaid = '';
  try {
    const chosen = await request();
    if (chosen !== undefined) forward = await run(chosen);
  } catch (error) {
    const { code = '' } = error as { code?: string };
    if (code === 'E_ABORTED') throw error;
    // The other four steps stand without it, and the report says why it is missing.
    forwardFailure = error instanceof Error ? error.message : String(error);
    failureSaid = words.error(code, forwardFailure);
  }
  const python = pythonLines(model, spec);
  const { runnable: _, ...file } = summary;
  const json = JSON.stringify(
    { generator: 'Quantscope', spec, file, quantized, forward, forwardFailure, python },
    null,
    2,
  );
  const html = renderReport({
    summary,
    quantized,
    skipped: skippedGroups(quantized.skipped),
    forward,
    forwardFailure: failureSaid,
    python,
    words,
  });
  return { html, json };
}
