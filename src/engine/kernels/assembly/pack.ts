// Weights from row-major [rows][columns] into the order in which the products read them. Missing rows
// and columns are 0.

/**
 * Int8: blocks of sixteen channels, [k/4][16 channels][4 k]. One cache line is four k of all of them, one
 * vector four channels, and lanes are channels. Packs one block of up to sixteen rows and writes Σ_k w of
 * its channels. With `unsigned` weights are stored as w + 128.
 */
export function packInt8(codes: usize, rows: i32, columns: i32, padded: i32, block: usize, rowSums: usize, unsigned: bool): void {
  const flip: u32 = unsigned ? 0x80808080 : 0;
  for (let row = 0; row < 16; row++) {
    const from = codes + <usize>row * <usize>columns;
    const to = block + (<usize>row << 2);
    let sum = 0;
    for (let k = 0; k < padded; k += 4) {
      let four: u32 = 0;
      if (row < rows) {
        if (k + 4 <= columns) four = load<u32>(from + k);
        else for (let i = k; i < columns; i++) four |= <u32>load<u8>(from + i) << (<u32>(i - k) << 3);
      }
      store<u32>(to + (<usize>k << 4), four ^ flip);
      sum += <i32>(<i8>four) + <i32>(<i8>(four >> 8)) + <i32>(<i8>(four >> 16)) + <i32>(<i8>(four >> 24));
    }
    store<i32>(rowSums + (<usize>row << 2), sum);
  }
}

/** Float32: panels of four channels, [k/4][4 channels][4 k]. Packs one panel of up to four rows. */
export function packFloat(weights: usize, rows: i32, columns: i32, padded: i32, panel: usize): void {
  const whole = columns & ~3;
  for (let row = 0; row < 4; row++) {
    const from = weights + (<usize>row * <usize>columns << 2);
    const to = panel + (<usize>row << 4);
    const end = row < rows ? whole : 0;
    for (let k = 0; k < end; k += 4) v128.store(to + (<usize>k << 4), v128.load(from + (<usize>k << 2)));
    for (let k = end; k < padded; k++) {
      const value: f32 = row < rows && k < columns ? load<f32>(from + (<usize>k << 2)) : 0;
      store<f32>(to + (<usize>(k & ~3) << 4) + (<usize>(k & 3) << 2), value);
    }
  }
}
