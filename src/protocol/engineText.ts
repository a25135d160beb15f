/** A text in the person's language, `{0}` and so on filled in; the English one is the key. */
export type Translate = (text: string, ...values: readonly (string | number)[]) => string;

/** A text that the engine's thread wrote, which knows no language: known words are translated, names and numbers stay. */
export function sayEngineText(text: string, t: Translate): string {
  for (const { pattern, say } of withNames) {
    const found = pattern.exec(text);
    if (found !== null) return say(t, ...found.slice(1));
  }
  const kind = /^(\w+): (.*)$/.exec(text);
  if (kind !== null) return `${kind[1]}: ${t(kind[2])}`;
  const flattened = /^(.*), flattened$/.exec(text);
  if (flattened !== null) return t('{0}, flattened', flattened[1]);
  const part = /^(step|first) (\d+) (?:values )?of (.*)$/.exec(text);
  if (part !== null)
    return part[1] === 'step' ? t('step {0} of {1}', part[2], part[3]) : t('first {0} values of {1}', part[2], part[3]);
  return t(text);
}

/** Why a step of a plan stands where it does: the parts of its reason, one by one. */
export function sayAssumption(text: string, t: Translate): string {
  return text
    .split('; ')
    .map((part) => sayEngineText(part, t))
    .join('; ');
}

/** Texts that hold names or numbers, which stay as they are. */
const withNames: readonly { readonly pattern: RegExp; say(t: Translate, ...names: readonly string[]): string }[] = [
  { pattern: /^tied to (.*)$/, say: (t, name) => t('tied to {0}', name) },
  {
    pattern: /^part of (.*), a (\w+) that is taken as one$/,
    say: (t, name, type) => t('part of {0}, a {1} taken as one', name, type),
  },
  {
    pattern: /^(\w+) is not a type that quantize_dynamic knows$/,
    say: (t, type) => t('quantize_dynamic does not know {0}', type),
  },
  { pattern: /^(\w+) takes float_qparams only$/, say: (t, type) => t('{0} takes float_qparams only', type) },
  { pattern: /^(\w+) does not take (\w+)$/, say: (t, type, qconfig) => t('{0} does not take {1}', type, qconfig) },
  {
    pattern: /^(\d+) heads: no shape tells how many$/,
    say: (t, heads) => t('{0} heads: no shape tells how many', heads),
  },
  {
    pattern: /^(\d+) inputs are (\d+) channels of (\d+)$/,
    say: (t, inputs, channels, cells) => t('{0} inputs are {1} channels of {2}', inputs, channels, cells),
  },
  { pattern: /^(\d+) groups$/, say: (t, groups) => t('{0} groups', groups) },
  {
    pattern: /^(\d+) has no parameters, so it is an activation$/,
    say: (t, place) => t('{0} has no parameters, so it is an activation', place),
  },
  {
    pattern: /^__init__ arguments worked out from the shapes: (.*)$/,
    say: (t, values) => t('__init__ arguments worked out from the shapes: {0}', values),
  },
  { pattern: /^imported: (.*)$/, say: (t, path) => t('imported: {0}', path) },
  { pattern: /^not read: (.*)$/, say: (t, problem) => t('not read: {0}', problem) },
  { pattern: /^Quantscope cannot quantize (\w+)$/, say: (t, type) => t('Quantscope cannot quantize {0}', type) },
];
