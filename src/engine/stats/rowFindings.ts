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

/** One pass; a row of a single value is neither dead nor constant. */
export function rowFindings(values: Float32Array, shape: readonly number[]): RowFindings {
  const rows = shape.length >= 2 ? shape[0] : 0;
  const width = rows === 0 ? values.length : values.length / rows;
  let nan = 0;
  let inf = 0;
  let zeroRows = 0;
  let constantRows = 0;
  let maxAbs = 0;
  let sum = 0;
  let squares = 0;
  for (let start = 0; start < values.length; start += Math.max(width, 1)) {
    const first = values[start];
    let constant = true;
    for (let i = start; i < start + width; i++) {
      const value = values[i];
      if (value !== first) constant = false;
      if (Number.isNaN(value)) nan++;
      else if (!Number.isFinite(value)) inf++;
      else {
        maxAbs = Math.max(maxAbs, Math.abs(value));
        sum += value;
        squares += value * value;
      }
    }
    if (rows === 0 || width < 2 || !constant || !Number.isFinite(first)) continue;
    if (first === 0) zeroRows++;
    else constantRows++;
  }
  const finite = values.length - nan - inf;
  const mean = finite === 0 ? 0 : sum / finite;
  const variance = finite < 2 ? 0 : Math.max(0, (squares - finite * mean * mean) / (finite - 1));
  return { values: values.length, nan, inf, rows, zeroRows, constantRows, maxAbs, std: Math.sqrt(variance) };
}
