// Int8 weights from row-major [rows][columns] into panels of four channels, [k/4][4 channels][4 k]:
// one vector load is then four channels of four k, and lanes are channels. Missing rows and columns are 0.

/** Packs one panel: up to four rows. Writes the panel and Σ_k w of its channels. */
export function packInt8(codes: usize, rows: i32, columns: i32, padded: i32, panel: usize, rowSums: usize): void {
  for (let row = 0; row < 4; row++) {
    const from = codes + <usize>row * <usize>columns;
    const to = panel + (<usize>row << 2);
    let sum = 0;
    for (let k = 0; k < padded; k += 4) {
      let four: u32 = 0;
      if (row < rows) {
        if (k + 4 <= columns) four = load<u32>(from + k);
        else for (let i = k; i < columns; i++) four |= <u32>load<u8>(from + i) << (<u32>(i - k) << 3);
      }
      store<u32>(to + (<usize>k << 2), four);
      sum += <i32>(<i8>four) + <i32>(<i8>(four >> 8)) + <i32>(<i8>(four >> 16)) + <i32>(<i8>(four >> 24));
    }
    store<i32>(rowSums + (<usize>row << 2), sum);
  }
}
