/**
 * Floats as decimal text, as Python writes them: the exact value rounded half to even. JavaScript's own toFixed and
 * toExponential round halves up, forget the sign of zero and end at 1e21.
 */

const bits = new BigUint64Array(1);
const double = new Float64Array(bits.buffer);

/** A finite |x| · 10^power, rounded half to even without an error. */
function scaled(x: number, power: number): bigint {
  double[0] = Math.abs(x);
  const [exponent, mantissa] = [Number(bits[0] >> 52n), bits[0] & 0xfffffffffffffn];
  const shift = Math.max(exponent, 1) - 1075;
  const times = (base: bigint, count: number) => (count > 0 ? base ** BigInt(count) : 1n);
  const dividend = (exponent === 0 ? mantissa : mantissa | (1n << 52n)) * times(2n, shift) * times(10n, power);
  const divisor = times(2n, -shift) * times(10n, -power);
  const quotient = dividend / divisor;
  const twice = 2n * (dividend % divisor);
  const up = twice > divisor || (twice === divisor && (quotient & 1n) === 1n);
  return up ? quotient + 1n : quotient;
}

const signOf = (x: number) => (x < 0 || Object.is(x, -0) ? '-' : '');

/** What nan and the infinities are in every format. */
function notFinite(x: number): string | undefined {
  if (Number.isNaN(x)) return 'nan';
  return Number.isFinite(x) ? undefined : `${signOf(x)}inf`;
}

function withPoint(digits: string, places: number): string {
  if (places === 0) return digits;
  const all = digits.padStart(places + 1, '0');
  return `${all.slice(0, -places)}.${all.slice(-places)}`;
}

/** `f'{x:.2f}'` for `places` of 2. */
export function fixedText(x: number, places: number): string {
  return notFinite(x) ?? signOf(x) + withPoint(String(scaled(x, places)), places);
}

/** The first digits of a finite number and the power of ten of the first of them. */
function leading(x: number, count: number): { readonly digits: string; readonly exponent: number } {
  if (x === 0) return { digits: '0'.repeat(count), exponent: 0 };
  // Off by one where rounding carries, or where the shortest form of a number is above it.
  let exponent = Number(x.toExponential().split('e')[1]);
  for (;;) {
    const digits = String(scaled(x, count - 1 - exponent));
    if (digits.length === count) return { digits, exponent };
    exponent += digits.length - count;
  }
}

const powerText = (exponent: number) => `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;

/** `f'{x:.2e}'` for `places` of 2. */
export function exponentText(x: number, places: number): string {
  const special = notFinite(x);
  if (special !== undefined) return special;
  const { digits, exponent } = leading(x, places + 1);
  return signOf(x) + withPoint(digits, places) + powerText(exponent);
}

/**
 * `f'{x:.3g}'` for `precision` of 3: so many digits at most, without zeros at the end. With `point`, which is
 * `f'{x:.3}'`, there is a digit behind the point.
 */
export function generalText(x: number, precision: number, point = false): string {
  const special = notFinite(x);
  if (special !== undefined) return special;
  const count = Math.max(precision, 1);
  const { digits, exponent } = leading(x, count);
  const trimmed = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent < -4 || exponent >= (point ? count - 1 : count))
    return signOf(x) + trimmed(withPoint(digits, count - 1)) + powerText(exponent);
  const text = trimmed(fixedText(x, count - 1 - exponent));
  return point && !text.includes('.') ? `${text}.0` : text;
}

/** `repr(x)`: the shortest digits that are this number. */
export function shortestText(x: number): string {
  const special = notFinite(x);
  if (special !== undefined) return special;
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = x.toExponential().split('e');
    return digits + powerText(Number(exponent));
  }
  return Number.isInteger(x) ? `${signOf(x)}${size}.0` : String(x);
}
