import type { AbortCheck } from '../core/abort';
import { invalid, malformed } from '../core/errors';
import { numel } from '../core/shape';
import { floatTensor, int64Tensor, type Tensor } from '../engine/tensor/tensor';
import type { RunnableDto } from '../protocol/modelDto';
import { readValues } from './loadModule';
import type { Model, ModelTensor } from './openModel';

/** Characters of a typed input; what is longer belongs into a file. */
const maxLiteral = 1_000_000;

/** Nesting of a typed input: PyTorch has no tensor of more dimensions that anybody would type. */
const maxDimensions = 16;

/**
 * Inputs that a person typed, as nested lists of numbers: `[[1, 2], [3, 4]]`; several inputs, one
 * a line. Inputs that the module takes as indices become int64, all others float32.
 */
export function literalInputs(text: string, known: RunnableDto['inputs']): Tensor[] {
  if (text.length > maxLiteral) {
    throw invalid('E_INPUT_LIMIT', `A typed input may have ${maxLiteral} characters; this one has ${text.length}.`);
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) throw notNumbers('nothing');
  return lines.map((line, i) => literalTensor(line, known[i]?.dtype === 'int64'));
}

function notNumbers(found: string) {
  return invalid('E_INPUT_LITERAL', 'The typed input is no list of numbers.', {
    found,
    expected: 'nested lists of numbers such as [[1, 2], [3, 4]], one input a line',
  });
}

function literalTensor(line: string, indices: boolean): Tensor {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw notNumbers(line.slice(0, 60));
  }
  const shape: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (shape.length > maxDimensions) throw notNumbers(`${shape.length} levels of lists`);
  }
  const flat = shape.length === 0 ? [value] : (value as unknown[]).flat(maxDimensions);
  if (!flat.every((each) => typeof each === 'number') || flat.length !== numel(shape) || !even(value, shape)) {
    throw notNumbers('lists of unequal length or something else than numbers');
  }
  if (!indices) return floatTensor(Float32Array.from(flat), shape);
  if (!flat.every(Number.isInteger)) throw notNumbers('fractions where indices are needed');
  return int64Tensor(flat, shape);
}

/** Whether every list of one level has the same length. */
function even(value: unknown, shape: readonly number[]): boolean {
  let level: unknown[] = [value];
  for (const length of shape) {
    if (!level.every((each) => Array.isArray(each) && each.length === length)) return false;
    level = (level as unknown[][]).flat();
  }
  return true;
}

/** The tensors of an input file: `input.0`, `input.1`, … where it has those, else all in the order of the file. */
export async function fileInputs(file: Model, known: RunnableDto['inputs'], abort: AbortCheck): Promise<Tensor[]> {
  const all = [...file.tensors.values()];
  const numbered = all
    .filter(({ name }) => /^input\.\d+$/.test(name))
    .sort((a, b) => Number(a.name.slice(6)) - Number(b.name.slice(6)));
  const chosen = numbered.length > 0 ? numbered : all;
  if (chosen.length === 0) {
    throw malformed('E_NO_INPUTS', 'The input file has no array.', {
      where: { file: file.fileName },
      expected: 'arrays input.0, input.1, … in the order of the arguments',
    });
  }
  const inputs: Tensor[] = [];
  for (const [i, tensor] of chosen.entries()) inputs.push(await inputTensor(file, tensor, known[i]?.dtype, abort));
  return inputs;
}

async function inputTensor(
  file: Model,
  tensor: ModelTensor,
  wanted: 'float32' | 'int64' | undefined,
  abort: AbortCheck,
): Promise<Tensor> {
  const values = await readValues(file, tensor, abort);
  const integers = /^u?int(8|16|32|64)$/.test(tensor.dtype);
  return wanted === 'int64' || (wanted === undefined && integers)
    ? int64Tensor(values, tensor.shape)
    : floatTensor(values, tensor.shape);
}
