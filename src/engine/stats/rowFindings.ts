import type { StatsSums } from './tensorStats';

/** What is odd about a tensor's values. Rows are slices along the first axis; a vector has none. */
export interface RowFindings {
  readonly values: number;
  readonly nan: number;
  readonly inf: number;
  readonly rows: number;
  /** Rows of zeros only: their channel is dead. */
  readonly zeroRows: number;
  /** Rows of one value other than zero. */
  readonly constantRows: number;
  /** Of the finite values. */
  readonly maxAbs: number;
  readonly std: number;
}

/**
 * Rows of one finite value, in a tensor whose values come in parts and in order. A row of a single value is neither
 * dead nor constant. Most rows are told by their second value.
 */
export class ConstantRows {
  readonly rows: number;
  zeroRows = 0;
  constantRows = 0;
  private readonly width: number;
  private first = 0;
  private seen = 0;
  private isConstant = false;

  constructor(shape: readonly number[], count: number) {
    this.rows = shape.length >= 2 ? shape[0] : 0;
    this.width = this.rows === 0 ? 0 : count / this.rows;
  }

  add(values: Float32Array): void {
    if (this.width < 2) return;
    for (let at = 0; at < values.length; ) {
      if (this.seen === 0) {
        this.first = values[at];
        this.isConstant = Number.isFinite(this.first);
      }
      const end = Math.min(at + this.width - this.seen, values.length);
      if (this.isConstant) this.isConstant = isAll(values, at, end, this.first);
      this.seen += end - at;
      at = end;
      if (this.seen === this.width) this.endRow();
    }
  }

  private endRow(): void {
    this.seen = 0;
    if (!this.isConstant) return;
    if (this.first === 0) this.zeroRows++;
    else this.constantRows++;
  }
}

function isAll(values: Float32Array, from: number, to: number, value: number): boolean {
  for (let i = from; i < to; i++) if (values[i] !== value) return false;
  return true;
}

export function rowFindings(
  { count, nan, inf, min, max, m2 }: StatsSums,
  { rows, zeroRows, constantRows }: ConstantRows,
): RowFindings {
  return {
    values: count + nan + inf,
    nan,
    inf,
    rows,
    zeroRows,
    constantRows,
    maxAbs: count === 0 ? 0 : Math.max(Math.abs(min), Math.abs(max)),
    std: count < 2 ? 0 : Math.sqrt(m2 / (count - 1)),
  };
}
