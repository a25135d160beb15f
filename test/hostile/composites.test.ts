import assert from 'node:assert/strict';
import { openBytes } from '../support/fixtures';
import { tensorRejection } from '../support/hostile';
import { global, ints, type Piece, reduce, stateDict, tensor, torchFile, tuple } from '../support/pickleBuilder';

/** Numbers that a part of a sparse or nested tensor has, and its sizes. */
interface Part {
  readonly values: readonly number[];
  readonly size: readonly number[];
  /** int64 unless told otherwise. */
  readonly float?: boolean;
}

const index = (values: readonly number[], ...size: number[]): Part => ({
  values,
  size: size.length === 0 ? [values.length] : size,
});
const floats = (values: readonly number[], ...size: number[]): Part => ({ ...index(values, ...size), float: true });

/** A file of one composite tensor "s": `build` gets a piece for each part. */
async function open(parts: readonly Part[], build: (...pieces: Piece[]) => Piece) {
  const pieces = parts.map(({ values, size, float }, i) => {
    const stride = size.map((_, d) => size.slice(d + 1).reduce((product, n) => product * n, 1));
    const type = global('torch', float ? 'FloatStorage' : 'LongStorage');
    return tensor({ key: `${i + 1}`, type, numel: values.length, size: ints(...size), stride: ints(...stride) });
  });
  const records = parts.map(({ values, float }, i) => {
    const data = float ? Float32Array.from(values) : BigInt64Array.from(values, BigInt);
    return { name: `model/data/${i + 1}`, data: new Uint8Array(data.buffer) };
  });
  return openBytes(torchFile(stateDict(['s', build(...pieces)]), records));
}

const sparse =
  (layout: string, size: readonly number[]) =>
  (...parts: Piece[]) =>
    reduce(global('torch._utils', '_rebuild_sparse_tensor'), global('torch', layout), tuple(...parts, ints(...size)));
const nested = (...parts: Piece[]) => reduce(global('torch._utils', '_rebuild_nested_tensor'), ...parts);

interface Case {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly build: (...pieces: Piece[]) => Piece;
  /** The part that is to blame, and how; none for what is sound. */
  readonly part?: string;
  readonly found?: string;
  readonly code?: string;
  /** Byte of the part's record where the number stands that is to blame. */
  readonly offset?: number;
}

const coo = sparse('sparse_coo', [3, 4]);
const csr = sparse('sparse_csr', [2, 4]);
const two = floats([5, 6]);

const cases: readonly Case[] = [
  { name: 'T-13: COO indices inside', parts: [index([0, 2, 3, 0], 2, 2), two], build: coo },
  { name: 'T-13: one COO index twice, which PyTorch adds up', parts: [index([1, 1, 2, 2], 2, 2), two], build: coo },
  {
    name: 'T-13: a COO index as large as the size',
    parts: [index([0, 3, 3, 0], 2, 2), two],
    build: coo,
    part: 'indices',
    found: 'index 3',
    offset: 8,
  },
  {
    name: 'T-13: a negative COO index',
    parts: [index([0, 2, -1, 0], 2, 2), two],
    build: coo,
    part: 'indices',
    found: 'index -1',
    offset: 16,
  },
  {
    name: 'T-13: more COO indices than values',
    parts: [index([0, 1, 2, 0, 0, 0], 2, 3), two],
    build: coo,
    part: '',
    found: 'indices [2, 3], values [2]',
    code: 'E_PT_SPARSE',
  },
  {
    name: 'T-13: COO indices that are floats (CVE-2025-62164)',
    parts: [floats([0, 2, 3, 0], 2, 2), two],
    build: coo,
    part: '',
    found: 'float32',
    code: 'E_PT_SPARSE',
  },
  { name: 'T-13: CSR rows inside', parts: [index([0, 1, 2]), index([3, 0]), two], build: csr },
  {
    name: 'T-13: CSR rows that decrease',
    parts: [index([0, 3, 2]), index([3, 0]), two],
    build: csr,
    part: 'crow_indices',
    found: '2',
    offset: 16,
  },
  {
    name: 'T-13: CSR rows that end elsewhere',
    parts: [index([0, 1, 9]), index([3, 0]), two],
    build: csr,
    part: 'crow_indices',
    found: '0 to 9',
    offset: 16,
  },
  {
    name: 'T-13: a CSR column as large as the width',
    parts: [index([0, 1, 2]), index([3, 4]), two],
    build: csr,
    part: 'col_indices',
    found: 'index 4',
    offset: 8,
  },
  {
    name: 'T-13: fewer CSR columns than values',
    parts: [index([0, 1, 2]), index([3]), two],
    build: csr,
    part: '',
    found: 'crow_indices [3], col_indices [1], values [2]',
    code: 'E_PT_SPARSE',
  },
  {
    name: 'T-14: two inner tensors inside the buffer',
    parts: [floats([1, 2, 3, 4]), index([2, 2], 2, 1), index([1, 1], 2, 1), index([0, 2])],
    build: nested,
  },
  {
    name: 'T-14: an inner tensor that starts too late',
    parts: [floats([1, 2, 3, 4]), index([2, 2], 2, 1), index([1, 1], 2, 1), index([0, 3])],
    build: nested,
    part: 'offsets',
    found: 'element 4',
    offset: 8,
  },
  {
    name: 'T-14: an inner tensor before the buffer',
    parts: [floats([1, 2, 3, 4]), index([2, 2], 2, 1), index([1, 1], 2, 1), index([-8, 0])],
    build: nested,
    part: 'offsets',
    found: 'element -7',
    offset: 0,
  },
  {
    name: 'T-14: an inner tensor of a size that no buffer has',
    parts: [floats([1, 2, 3, 4]), index([2, 2 ** 40], 2, 1), index([1, 1], 2, 1), index([0, 2])],
    build: nested,
    part: 'sizes',
    found: `element ${2 ** 40 + 1}`,
    offset: 8,
  },
];

describe('tensors that are made of several', () => {
  for (const { name, parts, build, part, found, code = 'E_PT_SPARSE_INDEX', offset } of cases) {
    it(`${part === undefined ? 'opens' : 'lists and refuses'} ${name}`, async () => {
      const file = await open(parts, build);
      const own = file.tensors.filter((tensor) => tensor.name.startsWith('s'));
      if (part === undefined) {
        assert.deepEqual(
          own.map(({ tensor: { problem } }) => problem),
          parts.map(() => undefined),
        );
        return;
      }
      const details = await tensorRejection(file, part === '' ? 's' : `s.${part}`);
      assert.deepEqual([details.code, details.found], [code, found]);
      if (offset !== undefined) assert.equal(details.where?.offset, offset);
      else assert.equal(details.where?.entry, 'model/data.pkl');
      assert.equal(file.tensors[0].tensor.problem, undefined);
    });
  }
});
