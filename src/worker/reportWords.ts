import type { ReportWords } from '../model/reportWords';
import { codeText } from '../protocol/codeKeys';
import type { ReportTextsDto } from '../protocol/compareDto';
import { sayEngineText, type Translate } from '../protocol/engineText';

/** The words of a report from the texts of one language; a text that it lacks stays English. */
export function reportWords({ language, texts }: ReportTextsDto = english): ReportWords {
  const known = new Map(Object.entries(texts));
  const t: Translate = (text, ...values) =>
    (known.get(text) ?? text).replace(/\{(\d+)\}/g, (placeholder, index) =>
      String(values[Number(index)] ?? placeholder),
    );
  return {
    language,
    t,
    plural: (count, one, many, ...values) => t(count === 1 ? one : many, ...values),
    engine: (text) => sayEngineText(text, t),
    error: (code, message) => codeText(code, (key) => t(key)) ?? message,
  };
}

const english: ReportTextsDto = { language: 'en', texts: {} };
