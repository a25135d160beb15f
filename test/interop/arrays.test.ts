import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArraysDto } from '../../src/protocol/exportDto';
import { writeExport } from '../support/exports';
import { fixturePath } from '../support/fixtures';
import { modelFrom } from '../support/models';
import { askPython, describeWithTorch } from '../support/pythons';

type Answer = Readonly<Record<string, readonly [dtype: string, same: boolean, values?: boolean]>>;

interface Job {
  readonly source: string;
  readonly format: 'npy' | 'npz';
  readonly values: ArraysDto['values'];
  /** NumPy's dtype by the tensor's name. */
  readonly expected: Readonly<Record<string, string>>;
}

const elementTypes: Readonly<Record<string, string>> = {
  float8_e4m3fn: 'float32',
  float8_e5m2: 'float32',
  float8_e4m3fnuz: 'float32',
  float8_e5m2fnuz: 'float32',
  float8_e8m0fnu: 'float32',
  bfloat16: 'float32',
  float16: 'float16',
  float32: 'float32',
  float64: 'float64',
  int8: 'int8',
  int16: 'int16',
  int32: 'int32',
  int64: 'int64',
  bool: 'bool',
  uint8: 'uint8',
  uint16: 'uint16',
  uint32: 'uint32',
  uint64: 'uint64',
  complex64: 'complex64',
  complex128: 'complex128',
  conj: 'complex64',
  neg: 'float32',
};
const quantizedTypes = { per_tensor: 'int8', per_tensor_u8: 'uint8', per_channel: 'int8', float_qparams: 'uint8' };
const floats = (names: object) => Object.fromEntries(Object.keys(names).map((name) => [name, 'float32']));
const [dtypes, kinds] = [fixturePath('kinds', 'dtypes.pt'), fixturePath('kinds', 'kinds.pt')];
const wordLm = fixturePath('torch-1.13', 'word_lm.pt');

const each = (job: Omit<Job, 'format'>): Job[] =>
  Object.entries(job.expected).map(([name, dtype]) => ({ ...job, format: 'npy', expected: { [name]: dtype } }));

describeWithTorch(
  'numpy reads single tensors as PyTorch has them',
  (python) => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quantscope-arrays-'));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const check = async (jobs: readonly Job[]) => {
      const asked = [];
      for (const [i, { source, format, values, expected }] of jobs.entries()) {
        const names = Object.keys(expected);
        const model = await modelFrom(new Uint8Array(await readFile(source)), 'model.pt');
        const arrays = { names, values, scheme: 'per_tensor' } as const;
        asked.push({
          ...(await writeExport(folder, model, `${i}.${format}`, { format, arrays })),
          source,
          kind: values,
          names,
        });
      }
      const list = join(folder, 'jobs.json');
      await writeFile(list, JSON.stringify(asked));
      const answers = await askPython<Answer[]>(python, 'read_arrays.py', list);
      jobs.forEach(({ expected, values, source }, i) => {
        for (const [name, dtype] of Object.entries(expected)) {
          const [own, same, restored = true] = answers[i][name];
          assert.deepEqual([own, same, restored], [dtype, true, true], `${name} of ${source}, ${values}`);
        }
      });
    };

    it('of every element type, bfloat16 and float8 widened to float32', () =>
      check([
        ...each({ source: dtypes, values: 'own', expected: elementTypes }),
        { source: dtypes, values: 'own', format: 'npz', expected: elementTypes },
      ]));

    it('that are not contiguous, in C order', () =>
      check([
        { source: kinds, values: 'own', format: 'npz', expected: { expanded: 'float32', parameter: 'float32' } },
      ]));

    it('that the file holds quantized: int_repr, and dequantize', () =>
      check([
        ...each({ source: kinds, values: 'own', expected: floats(quantizedTypes) }),
        ...each({ source: kinds, values: 'codes', expected: quantizedTypes }),
        { source: kinds, values: 'codes', format: 'npz', expected: quantizedTypes },
        { source: kinds, values: 'dequantized', format: 'npz', expected: floats(quantizedTypes) },
      ]));

    it('as int8 codes, and as the values that the codes stand for', () =>
      check([
        ...each({
          source: wordLm,
          values: 'codes',
          expected: { 'rnn.weight_hh_l1': 'int8', 'decoder.weight': 'int8' },
        }),
        ...each({ source: wordLm, values: 'dequantized', expected: { 'decoder.weight': 'float32' } }),
      ]));
  },
  ['current'],
);
