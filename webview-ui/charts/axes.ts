/** Scales, ticks and paths of the charts: numbers in, numbers and path texts out. */

export interface Domain {
  readonly min: number;
  readonly max: number;
  readonly log?: boolean;
}

/** A value on an axis of `length` pixels that starts at `start`; a negative length grows upwards. */
export function position({ min, max, log = false }: Domain, start: number, length: number): (value: number) => number {
  const f = log ? Math.log : (value: number) => value;
  const low = f(min);
  const span = f(max) - low || 1;
  return (value) => start + ((f(value) - low) / span) * length;
}

/** The way back from a pixel. */
export function valueAt({ min, max, log = false }: Domain, start: number, length: number): (pixel: number) => number {
  return (pixel) => {
    const share = (pixel - start) / length;
    return log ? min * (max / min) ** share : min + share * (max - min);
  };
}

/** About `wanted` round values inside the domain; 1, 2 and 5 of every decade where it is logarithmic. */
export function ticks({ min, max, log = false }: Domain, wanted: number): number[] {
  if (!(max > min)) return [];
  if (log) return thin(logTicks(min, max), wanted);
  const raw = (max - min) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw) ?? raw;
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  return Array.from({ length: Math.max(0, Math.min(200, last - first + 1)) }, (_, i) => (first + i) * step);
}

function logTicks(min: number, max: number): number[] {
  const values: number[] = [];
  for (let exponent = Math.floor(Math.log10(min)); exponent <= Math.log10(max); exponent++) {
    for (const factor of [1, 2, 5]) {
      const value = factor * 10 ** exponent;
      if (value >= min && value <= max) values.push(value);
    }
  }
  return values;
}

/** Powers of ten stay; the rest goes where there are too many. */
function thin(values: readonly number[], wanted: number): number[] {
  if (values.length <= wanted * 1.7) return [...values];
  const decades = values.filter((value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9);
  const every = Math.max(1, Math.ceil(decades.length / wanted));
  return decades.filter((_, i) => i % every === 0);
}

const digits = (value: number) => value.toFixed(1);

/** A line through all points; a value that is not finite starts a new piece. */
export function linePath(xs: readonly number[], ys: readonly number[]): string {
  let path = '';
  let pen = 'M';
  for (const [i, x] of xs.entries()) {
    if (!Number.isFinite(ys[i])) {
      pen = 'M';
      continue;
    }
    path += `${pen}${digits(x)} ${digits(ys[i])}`;
    pen = 'L';
  }
  return path;
}

/** Steps between `edges` (one more than values) at the heights `ys`, closed down to `base` when that is given. */
export function stepPath(edges: readonly number[], ys: readonly number[], base?: number): string {
  let path = `M${digits(edges[0])} ${digits(base ?? ys[0])}`;
  for (const [i, y] of ys.entries()) path += `V${digits(y)}H${digits(edges[i + 1])}`;
  return base === undefined ? path : `${path}V${digits(base)}Z`;
}

/** Vertical sticks from `base` to each height. */
export function stickPath(xs: readonly number[], ys: readonly number[], base: number): string {
  let path = '';
  for (const [i, x] of xs.entries())
    if (Number.isFinite(ys[i])) path += `M${digits(x)} ${digits(base)}V${digits(ys[i])}`;
  return path;
}

/** A band between two lines. */
export function bandPath(xs: readonly number[], high: readonly number[], low: readonly number[]): string {
  const back = [...xs].reverse();
  return `${linePath(xs, high)}${linePath(back, [...low].reverse()).replace('M', 'L')}Z`;
}

/** Positions pushed down until each is `gap` below the one before, then back up where they leave `bottom`. */
export function pushApart(positions: readonly number[], gap: number, bottom: number): number[] {
  const order = positions.map((_, i) => i).sort((a, b) => positions[a] - positions[b]);
  const placed = [...positions];
  for (let i = 1; i < order.length; i++) {
    placed[order[i]] = Math.max(placed[order[i]], placed[order[i - 1]] + gap);
  }
  let limit = bottom;
  for (let i = order.length - 1; i >= 0; i--) {
    placed[order[i]] = Math.min(placed[order[i]], limit);
    limit = placed[order[i]] - gap;
  }
  return placed;
}
