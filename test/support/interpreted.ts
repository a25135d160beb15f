import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import type { ModelFile, NamedTensor } from '../../src/formats/types';
import { openBytes } from './fixtures';
import { codesOf } from './hostile';
import {
  dict,
  emptyOrderedDict,
  global,
  int,
  ints,
  type Piece,
  pickle,
  proto2,
  reduce,
  storage,
  type TensorSpec,
  tensor,
  text,
  torchFile,
  tuple,
} from './pickleBuilder';
import { le } from './zipBuilder';

/**
 * The names that Quantscope interprets itself, one row a form: what stands under "x" in the file, and
 * what is listed for it. None of them may raise an alarm.
 */
export type Row = readonly [form: string, value: Piece, listed: readonly string[]];

export const utils = (name: string) => global('torch._utils', name);
export const t = (name: string) => global('torch', name);
export const half: Piece = ['G', 0x3f, 0xe0, new Uint8Array(6)];
export const bytes = (data: Uint8Array): Piece => ['B', le(4, data.length), data];
export const list = (...items: readonly Piece[]): Piece => [']', '(', ...items, 'e'];
export const newobj = (cls: Piece, ...args: readonly Piece[]): Piece => [cls, tuple(...args), 0x81];
export const built = (object: Piece, state: Piece): Piece => [object, state, 'b'];

/** Records beside the one of four floats, by key. */
const records = [
  ['1', BigInt64Array.of(0n, 1n, 2n)],
  ['2', BigInt64Array.of(0n, 1n)],
  ['3', BigInt64Array.of(1n, 1n)],
  ['4', Float64Array.of(0.5, 0.25)],
  ['5', BigInt64Array.of(0n, 1n, 0n, 1n)],
] as const;

export const vector = (count: number, spec: TensorSpec = {}) => tensor({ size: ints(count), stride: ints(1), ...spec });
const codes = storage({ type: t('QInt8Storage'), numel: 16 });
export const quantized = (qparams: Piece) =>
  reduce(utils('_rebuild_qtensor'), codes, int(0), ints(2, 8), ints(8, 1), qparams, 0x89, emptyOrderedDict);
export const layout = (name: string) => reduce(global('torch.serialization', '_get_layout'), text(`torch.${name}`));
export const numpyDtype = (name: string) =>
  built(
    reduce(global('numpy', 'dtype'), text(name), 0x89, 0x88),
    tuple(int(3), text('<'), 'N', 'N', 'N', int(-1), int(-1), int(0)),
  );

/** A file with a value under "x" and a sound tensor "w" behind it. */
export function openValue(value: Piece): Promise<ModelFile> {
  const root = dict([
    ['x', value],
    ['w', tensor()],
  ]);
  const extra = records.map(([key, { buffer }]) => ({ name: `model/data/${key}`, data: new Uint8Array(buffer) }));
  return openBytes(torchFile(pickle(proto2, root, '.'), extra));
}

async function line(file: ModelFile, { name, tensor: record }: NamedTensor): Promise<string> {
  const { dtype, shape, problem, quantization, negated, requiresGrad } = record;
  if (problem !== undefined) return `${name} ${problem.code}`;
  const data = (await file.readTensor(record, neverAborted)).slice().buffer;
  const values =
    dtype === 'float32'
      ? new Float32Array(data).join()
      : dtype === 'int64'
        ? new BigInt64Array(data).join()
        : `${data.byteLength} bytes`;
  const scheme =
    quantization === undefined
      ? ''
      : quantization.scheme === 'per_tensor'
        ? ` per tensor ${quantization.scale} ${quantization.zeroPoint}`
        : ` per channel ${quantization.axis}`;
  const flags = `${negated === undefined ? '' : ` ${negated}`}${requiresGrad ? ' grad' : ''}`;
  return `${name} ${dtype} [${shape.join(', ')}] ${values}${scheme}${flags}`;
}

export async function listedOf(file: ModelFile): Promise<string[]> {
  assert.equal(file.tensors.at(-1)?.name, 'w');
  return Promise.all(file.tensors.slice(0, -1).map((named) => line(file, named)));
}

/** A test for each row. */
export function testRows(rows: readonly Row[]): void {
  for (const [form, value, listed] of rows) {
    it(`${form}: ${listed.join('; ') || 'no tensor'}`, async () => {
      const file = await openValue(value);
      assert.deepEqual(await listedOf(file), listed);
      assert.deepEqual(
        file.safety.globals.filter(({ verdict }) => verdict !== 'safe'),
        [],
      );
      const told = listed.flatMap((one) => /E_\w+/.exec(one) ?? []);
      assert.deepEqual(
        codesOf(file).filter((code) => code !== 'E_PT_STORAGE_LONG'),
        told,
      );
    });
  }
}
