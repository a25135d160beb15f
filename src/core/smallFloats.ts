import type { DType } from './dtype';

/**
 * The floats of eight bits and less, as tables of their values. Sources: the OCP 8-bit Floating
 * Point Specification for e4m3fn and e5m2, arXiv 2206.02915 for fnuz, the OCP Microscaling
 * Formats Specification for e8m0fnu and e2m1.
 */
interface Layout {
  readonly exponentBits: number;
  readonly fractionBits: number;
  readonly bias: number;
  /** What the patterns that are no numbers mean. */
  readonly special: (pattern: number) => number | undefined;
}

const layouts: Partial<Record<DType, Layout>> = {
  float8_e4m3fn: {
    exponentBits: 4,
    fractionBits: 3,
    bias: 7,
    special: (pattern) => ((pattern & 0x7f) === 0x7f ? Number.NaN : undefined),
  },
  float8_e5m2: {
    exponentBits: 5,
    fractionBits: 2,
    bias: 15,
    special: (pattern) => {
      const magnitude = pattern & 0x7f;
      if (magnitude < 0x7c) return undefined;
      if (magnitude > 0x7c) return Number.NaN;
      return pattern & 0x80 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    },
  },
  // "fnuz": no infinity, and the pattern of minus zero is the one NaN.
  float8_e4m3fnuz: { exponentBits: 4, fractionBits: 3, bias: 8, special: onlyNaN },
  float8_e5m2fnuz: { exponentBits: 5, fractionBits: 2, bias: 16, special: onlyNaN },
};

function onlyNaN(pattern: number): number | undefined {
  return pattern === 0x80 ? Number.NaN : undefined;
}

function patternValue(pattern: number, { exponentBits, fractionBits, bias, special }: Layout): number {
  const given = special(pattern);
  if (given !== undefined) return given;
  const sign = pattern & 0x80 ? -1 : 1;
  const exponent = (pattern >> fractionBits) & ((1 << exponentBits) - 1);
  const fraction = pattern & ((1 << fractionBits) - 1);
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (1 + fraction / (1 << fractionBits)) * 2 ** (exponent - bias);
}

/** A power of two by itself: the scale of a block. 255 is NaN. */
function e8m0(pattern: number): number {
  return pattern === 255 ? Number.NaN : 2 ** (pattern - 127);
}

const tables = new Map<DType, Float32Array>();

/** The 256 values of a float of eight bits, by pattern; undefined for every other dtype. */
export function float8Values(dtype: DType): Float32Array | undefined {
  const known = tables.get(dtype);
  if (known !== undefined) return known;
  const layout = layouts[dtype];
  if (layout === undefined && dtype !== 'float8_e8m0fnu') return undefined;
  const table = Float32Array.from({ length: 256 }, (_, pattern) =>
    layout === undefined ? e8m0(pattern) : patternValue(pattern, layout),
  );
  tables.set(dtype, table);
  return table;
}

/** The 16 values of e2m1, by pattern. */
export const float4Values = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);
