import type { DType } from '../../core/dtype';
import * as blocks from './blocks';

/** How a ggml_type stores values. */
export interface Encoding {
  readonly name: string;
  /** Values of a block, and its bytes. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /** What reading gives. */
  readonly dtype: DType;
  /** Undefined for plain numbers, and for codes that are not decoded here. */
  readonly decode?: blocks.BlockDecoder;
}

const plain = (name: string, dtype: DType, bytes: number): Encoding => ({
  name,
  blockSize: 1,
  blockBytes: bytes,
  dtype,
});

const coded = (name: string, blockSize: number, blockBytes: number, decode?: blocks.BlockDecoder): Encoding => ({
  name,
  blockSize,
  blockBytes,
  dtype: 'float32',
  decode,
});

/** By ggml_type (ggml.h). 4, 5, 31 to 33 and 36 to 38 were removed and mean nothing any more. */
const encodings: ReadonlyMap<number, Encoding> = new Map([
  [0, plain('F32', 'float32', 4)],
  [1, plain('F16', 'float16', 2)],
  [2, coded('Q4_0', 32, 18, blocks.q4_0)],
  [3, coded('Q4_1', 32, 20, blocks.q4_1)],
  [6, coded('Q5_0', 32, 22, blocks.q5_0)],
  [7, coded('Q5_1', 32, 24, blocks.q5_1)],
  [8, coded('Q8_0', 32, 34, blocks.q8_0)],
  [9, coded('Q8_1', 32, 36)],
  [10, coded('Q2_K', 256, 84, blocks.q2_K)],
  [11, coded('Q3_K', 256, 110, blocks.q3_K)],
  [12, coded('Q4_K', 256, 144, blocks.q4_K)],
  [13, coded('Q5_K', 256, 176, blocks.q5_K)],
  [14, coded('Q6_K', 256, 210, blocks.q6_K)],
  [15, coded('Q8_K', 256, 292)],
  [16, coded('IQ2_XXS', 256, 66)],
  [17, coded('IQ2_XS', 256, 74)],
  [18, coded('IQ3_XXS', 256, 98)],
  [19, coded('IQ1_S', 256, 50)],
  [20, coded('IQ4_NL', 32, 18)],
  [21, coded('IQ3_S', 256, 110)],
  [22, coded('IQ2_S', 256, 82)],
  [23, coded('IQ4_XS', 256, 136)],
  [24, plain('I8', 'int8', 1)],
  [25, plain('I16', 'int16', 2)],
  [26, plain('I32', 'int32', 4)],
  [27, plain('I64', 'int64', 8)],
  [28, plain('F64', 'float64', 8)],
  [29, coded('IQ1_M', 256, 56)],
  [30, plain('BF16', 'bfloat16', 2)],
  [34, coded('TQ1_0', 256, 54)],
  [35, coded('TQ2_0', 256, 66)],
  [39, coded('MXFP4', 32, 17, blocks.mxfp4)],
  [40, coded('NVFP4', 64, 36)],
  [41, coded('Q1_0', 128, 18)],
]);

export function encodingOf(type: number): Encoding | undefined {
  return encodings.get(type);
}

/** Whether the values can be read. */
export function isReadable({ blockSize, decode }: Encoding): boolean {
  return blockSize === 1 || decode !== undefined;
}
