// A product as the host describes it: 64 bytes of i32 fields. The host writes it in wasm/productStore.ts.
//
//  0 weights   int8: blocks [n/16][k/4][16 channels][4 k]; float: panels [n/4][k/4][4 channels][4 k]
//  4 rowSums   int8: Σ_k w of each channel, i32
//  8 factors   int8: the weight's part of the output multiplier, f32 for each channel
// 12 bias      f32 for each channel, or 0
// 16 n         channels, a multiple of 16
// 20 k         columns, a multiple of 4, for bytes of 8
// 24 kind      0 fbgemm, 1 onednn, 2 qnnpack, 3 float
// 28 columns   columns before padding
// 32 bytes     codes are bytes for a relaxed dot product: 1 with weights w + 128, 2 with weights w; 0: codes are i16

export const FBGEMM: i32 = 0;
export const ONEDNN: i32 = 1;
export const QNNPACK: i32 = 2;
export const FLOAT: i32 = 3;

// @ts-ignore: decorator
@inline export function weightsOf(product: usize): usize { return load<u32>(product); }
// @ts-ignore: decorator
@inline export function rowSumsOf(product: usize): usize { return load<u32>(product, 4); }
// @ts-ignore: decorator
@inline export function factorsOf(product: usize): usize { return load<u32>(product, 8); }
// @ts-ignore: decorator
@inline export function biasOf(product: usize): usize { return load<u32>(product, 12); }
// @ts-ignore: decorator
@inline export function channelsOf(product: usize): i32 { return load<i32>(product, 16); }
// @ts-ignore: decorator
@inline export function paddedOf(product: usize): i32 { return load<i32>(product, 20); }
// @ts-ignore: decorator
@inline export function kindOf(product: usize): i32 { return load<i32>(product, 24); }
// @ts-ignore: decorator
@inline export function columnsOf(product: usize): i32 { return load<i32>(product, 28); }
// @ts-ignore: decorator
@inline export function bytesOf(product: usize): bool { return load<i32>(product, 32) != 0; }
// @ts-ignore: decorator
@inline export function unsignedOf(product: usize): bool { return load<i32>(product, 32) == 1; }
