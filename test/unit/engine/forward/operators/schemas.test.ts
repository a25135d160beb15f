import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { neverAborted } from '../../../../../src/core/abort';
import { toErrorDetails } from '../../../../../src/core/errors';
import '../../../../../src/engine/forward/source/namespaces';
import { findOperator, type OperatorSet } from '../../../../../src/engine/forward/operators/table';
import { startRun } from '../../../../../src/engine/forward/runProgram';
import { wrapElements } from '../../../../../src/engine/forward/values/stridedTensor';
import { cpu, PyDict, PyFloat, PyList, type Value } from '../../../../../src/engine/forward/values/values';
import { selectKernels } from '../../../../../src/engine/kernels/dispatch';
import { fixturePath } from '../../../../support/fixtures';

type Parameter = readonly [type: string, name: string, hasDefault: boolean, keywordOnly: boolean];
type Schemas = Readonly<Record<string, { readonly space: string; readonly forms: readonly (readonly Parameter[])[] }>>;

const schemas = JSON.parse(readFileSync(fixturePath('forward', 'schemas.json'), 'utf8')) as Schemas;
const sets: Readonly<Record<string, OperatorSet>> = { aten: 'torch', prim: 'prim', quantized: 'quantized' };

/** Forms that are not taken as they stand here, by operator and the parameters that make them. */
const refused: Readonly<Record<string, readonly string[]>> = {
  // Methods of strings, which no forward has been seen to use.
  index: ['str self'],
  split: ['str self'],
  // A product in another dtype than its operands': half precision.
  bmm: ['int out_dtype'],
  addmm: ['int out_dtype'],
  baddbmm: ['int out_dtype'],
  // A tensor of one whole number is taken; the one of these tests has four floats.
  narrow: ['Tensor start'],
  linspace: ['Tensor start', 'Tensor end'],
  // The constructor is found before the operators.
  device: ['str a', 'str type'],
  // A form that PyTorch registers and nothing calls.
  einsum: ['Tensor a'],
};

const tensor = () => wrapElements('float32', Float32Array.of(1, 2, 3, 4), [2, 2]);
const values: Readonly<Record<string, () => Value>> = {
  Tensor: tensor,
  int: () => 1,
  float: () => new PyFloat(0.5),
  number: () => new PyFloat(0.5),
  bool: () => false,
  str: () => 'none',
  Device: () => cpu,
  t: tensor,
  t1: tensor,
  t2: tensor,
  AnyEnumType: () => 1,
};

/** Some value of a type of TorchScript. */
function sample(type: string): Value {
  const inner = /^\w+\[(.*)\]$/.exec(type)?.[1] ?? '';
  if (type.startsWith('Optional')) return sample(inner);
  if (type.startsWith('List')) return new PyList([sample(inner === 'Any' ? 'int' : inner)]);
  if (type.startsWith('Dict')) return new PyDict();
  return (values[type] ?? (() => null))();
}

/** Why a call with values of these types does not find a form; undefined where one takes it. */
function problem(set: OperatorSet, name: string, parameters: readonly Parameter[]): string | undefined {
  const args = parameters.filter(([, , , keyword]) => !keyword).map(([type]) => sample(type));
  const keywords = parameters.filter(([, , , keyword]) => keyword);
  const given = new Map(keywords.map(([type, parameter]) => [parameter, sample(type)]));
  const run = startRun({ kernels: selectKernels(), abort: neverAborted });
  const operator = findOperator(set, name);
  if (operator === undefined) return 'is not there';
  try {
    operator.call(run, args, given);
  } catch (error) {
    const { message, found } = toErrorDetails(error);
    // Whatever else is wrong with these values, a form took them.
    if (/fit none of its forms/.test(message)) return `${message} ${found}`;
  }
  return undefined;
}

describe('every form that PyTorch has of an operator that models use is taken', () => {
  for (const [name, { space, forms }] of Object.entries(schemas)) {
    it(name, () => {
      for (const form of forms) {
        if (form.some(([type, parameter]) => refused[name]?.includes(`${type} ${parameter}`))) continue;
        const required = form.filter(([, , hasDefault]) => !hasDefault);
        for (const parameters of [form, required]) {
          const signature = parameters.map(([type, parameter]) => `${type} ${parameter}`).join(', ');
          assert.equal(problem(sets[space], name, parameters), undefined, `${name}(${signature})`);
        }
      }
    });
  }
});
