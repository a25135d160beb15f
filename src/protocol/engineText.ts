/** A text in the person's language, `{0}` and so on filled in; the English one is the key. */
export type Translate = (text: string, ...values: readonly (string | number)[]) => string;

/** A text that the engine's thread wrote, which knows no language: known words are translated, names and numbers stay. */
export function sayEngineText(text: string, t: Translate): string {
  for (const { pattern, text: known } of withNames) {
    const found = pattern.exec(text);
    if (found !== null) return t(known, ...found.slice(1));
  }
  const kind = /^(\w+): (.*)$/.exec(text);
  if (kind !== null) return `${kind[1]}: ${t(kind[2])}`;
  return t(text);
}

/** Why a step of a plan stands where it does: the parts of its reason, one by one. */
export function sayAssumption(text: string, t: Translate): string {
  return text
    .split('; ')
    .map((part) => sayEngineText(part, t))
    .join('; ');
}

interface Phrase {
  /** What it stands for, with a group for each name or number. */
  readonly pattern: RegExp;
  readonly text: string;
}

function phrase(pattern: RegExp, text: string): Phrase {
  return { pattern, text };
}

/** Texts that hold names or numbers, which stay as they are. */
const withNames: readonly Phrase[] = [
  phrase(/^tied to (.*)$/, 'tied to {0}'),
  phrase(/^part of (.*), a (\w+) that is taken as one$/, 'part of {0}, a {1} taken as one'),
  phrase(/^(\w+) is not a type that quantize_dynamic knows$/, 'quantize_dynamic does not know {0}'),
  phrase(/^(\w+) takes float_qparams only$/, '{0} takes float_qparams only'),
  phrase(/^(\w+) does not take (\w+)$/, '{0} does not take {1}'),
  phrase(/^(\d+) heads: no shape tells how many$/, '{0} heads: no shape tells how many'),
  phrase(/^(\d+) inputs are (\d+) channels of (\d+)$/, '{0} inputs are {1} channels of {2}'),
  phrase(/^(\d+) groups$/, '{0} groups'),
  phrase(/^(\d+) has no parameters, so it is an activation$/, '{0} has no parameters, so it is an activation'),
  phrase(/^__init__ arguments worked out from the shapes: (.*)$/, '__init__ arguments worked out from the shapes: {0}'),
  phrase(/^imported: (.*)$/, 'imported: {0}'),
  phrase(/^not read: (.*)$/, 'not read: {0}'),
  phrase(/^(.*), flattened$/, '{0}, flattened'),
  phrase(/^step (\d+) of (.*)$/, 'step {0} of {1}'),
  phrase(/^first (\d+) (?:values )?of (.*)$/, 'first {0} values of {1}'),
  phrase(/^Quantscope cannot quantize (\w+)$/, 'Quantscope cannot quantize {0}'),
];
