/** Numbers and sizes as the design writes them: tabular, with a real minus sign. */

/** With a real minus sign. */
export function minus(value: number | string): string {
  return String(value).replace(/-/g, '\u2212');
}

/** `932 B`, `3.7 KB`; decimal. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let scaled = value / 1000;
  let unit = 0;
  while (scaled >= 999.95 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled.toFixed(1)} ${units[unit]}`;
}

export function count(value: number): string {
  return inEnglish.format(value);
}

const inEnglish = new Intl.NumberFormat('en-US');

/** `digits` significant digits without an exponent where that stays readable. */
export function significant(value: number | null, digits: number): string {
  // What arrives is JSON, where NaN is null.
  if (value === null) return 'NaN';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '\u2212∞';
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -6 || magnitude > 8) return minus(value.toExponential(digits - 1));
  return minus(value.toFixed(Math.max(0, digits - 1 - magnitude)));
}

export function fixed(value: number | null, digits: number): string {
  if (value === null) return 'NaN';
  return Number.isFinite(value) ? minus(value.toFixed(digits)) : significant(value, 3);
}

export function decibel(value: number | null, digits = 1): string {
  // What arrives is JSON, where infinity is null: a weight without any error.
  return value === null || !Number.isFinite(value) ? '∞' : minus(value.toFixed(digits));
}

export function shape(sizes: readonly number[] | null): string {
  return sizes === null ? '' : sizes.length === 0 ? 'scalar' : sizes.join(' × ');
}

export function microseconds(value: number): string {
  return value < 10_000
    ? `${value < 100 ? value.toFixed(1) : count(Math.round(value))} µs`
    : `${(value / 1000).toFixed(1)} ms`;
}

/** Characters that hide or reorder text are shown as their code points. */
export function visible(text: string): string {
  const escaped = text.replace(
    /[\p{Cc}\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return escaped.length > 400 ? `${escaped.slice(0, 400)}…` : escaped;
}

/** A long dotted name gives way in the middle: the last parts say which one it is. */
export function shortName(name: string, length: number): string {
  const text = visible(name);
  return text.length <= length ? text : `…${text.slice(text.length - length + 1)}`;
}
