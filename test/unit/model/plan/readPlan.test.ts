import assert from 'node:assert/strict';
import { QuantscopeError } from '../../../../src/core/errors';
import { maxPlanText, maxSteps } from '../../../../src/model/plan/limits';
import { planPython } from '../../../../src/model/plan/planPython';
import { parsePlan, readPlan } from '../../../../src/model/plan/readPlan';

const good = {
  format: 'quantscope-forward-plan',
  version: 1,
  inputs: [{ name: 'x', shape: [2, 4], dtype: 'float32' }],
  steps: [
    { name: 'a', from: ['x'], module: 'fc', type: 'Linear', arguments: { in_features: 4, out_features: 4 } },
    { name: 'b', from: ['a'], function: 'relu' },
  ],
  outputs: ['b'],
};
type Changes = Readonly<Record<string, unknown>>;
const plan = (changes: Changes) => ({ ...good, ...changes });
const step = (changes: Changes) => plan({ steps: [{ ...good.steps[0], ...changes }], outputs: ['a'] });
const call = (changes: Changes) =>
  plan({ steps: [{ name: 'b', from: ['x'], function: 'relu', ...changes }], outputs: ['b'] });

/** What is wrong, and the place that the error names. */
const refused: readonly (readonly [string, unknown, string])[] = [
  ['no object', [], ''],
  ['another format', plan({ format: 'x' }), 'format'],
  ['another version', plan({ version: 2 }), 'version'],
  ['a field that no plan has', plan({ run: 'os.system' }), ''],
  ['no input', plan({ inputs: [] }), 'inputs'],
  ['more inputs than a forward has', plan({ inputs: new Array(17).fill(good.inputs[0]) }), 'inputs'],
  ['a negative size', plan({ inputs: [{ ...good.inputs[0], shape: [-1] }] }), 'inputs[0].shape[0]'],
  ['a size that is no whole number', plan({ inputs: [{ ...good.inputs[0], shape: [1.5] }] }), 'inputs[0].shape[0]'],
  ['a dtype that inputs do not have', plan({ inputs: [{ ...good.inputs[0], dtype: 'object' }] }), 'inputs[0].dtype'],
  ['more steps than the limit', plan({ steps: new Array(maxSteps + 1).fill(good.steps[1]) }), 'steps'],
  ['a name with code', step({ name: 'a = __import__' }), 'steps[0].name'],
  ['a name with a line break', step({ name: 'a\nb' }), 'steps[0].name'],
  ['a keyword of Python as a name', step({ name: 'lambda' }), 'steps[0].name'],
  ['torch as a name', step({ name: 'torch' }), 'steps[0].name'],
  ['a name twice', step({ name: 'x' }), 'steps[0].name'],
  ['a dunder name', step({ name: '__class__' }), 'steps[0].name'],
  ['a step that takes itself', step({ from: ['a'] }), 'steps[0].from[0]'],
  ['a value that is not there', step({ from: ['y'] }), 'steps[0].from[0]'],
  ['a step of nothing', step({ from: [] }), 'steps[0].from'],
  ['neither module nor function', step({ module: undefined, type: undefined }), 'steps[0]'],
  ['a path with code', step({ module: 'fc"); import os; ("' }), 'steps[0].module'],
  ['a path into Python’s own names', step({ module: 'fc.__class__' }), 'steps[0].module'],
  ['an empty part of a path', step({ module: 'fc..a' }), 'steps[0].module'],
  ['a type that is no class name', step({ type: 'functional.relu' }), 'steps[0].type'],
  ['an argument with code', step({ arguments: { in_features: '4); evil(' } }), 'steps[0].arguments.in_features'],
  ['an argument’s name with code', step({ arguments: { 'a=1, b': 1 } }), 'steps[0].arguments'],
  ['an argument that is an object', step({ arguments: { in_features: {} } }), 'steps[0].arguments.in_features'],
  ['an index that is negative', step({ take: [-1] }), 'steps[0].take[0]'],
  ['a function that is none', call({ function: 'system' }), 'steps[0].function'],
  ['a function of Object’s', call({ function: 'constructor' }), 'steps[0].function'],
  ['too many values for a function', call({ from: ['x', 'x'] }), 'steps[0].from'],
  ['one value to be joined', call({ function: 'cat' }), 'steps[0].from'],
  ['an argument that the function has not', call({ arguments: { dim: 1 } }), 'steps[0].arguments.dim'],
  ['an argument of Object’s', call({ arguments: { constructor: 1 } }), 'steps[0].arguments.constructor'],
  ['a missing argument', call({ function: 'transpose', arguments: { dim0: 0 } }), 'steps[0].arguments.dim1'],
  ['an argument of another type', call({ function: 'softmax', arguments: { dim: 1.5 } }), 'steps[0].arguments.dim'],
  ['a module and a function', call({ module: 'fc', type: 'Linear' }), 'steps[0]'],
  ['no output', plan({ outputs: [] }), 'outputs'],
  ['an output that is not there', plan({ outputs: ['c'] }), 'outputs[0]'],
  [
    'one module built in two ways',
    plan({ steps: [good.steps[0], { ...good.steps[0], name: 'c', type: 'Identity' }] }),
    'steps[1]',
  ],
  [
    'a module inside another',
    plan({ steps: [good.steps[0], { ...good.steps[0], name: 'c', module: 'fc.inner' }] }),
    'steps[1].module',
  ],
];

const refusal = (work: () => unknown): QuantscopeError => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof QuantscopeError);
    return error;
  }
  assert.fail('it was taken');
};

describe('a forward plan of unknown origin', () => {
  it('is taken where everything fits', () => assert.deepEqual(readPlan(good), good));

  for (const [title, value, field] of refused) {
    it(`is refused at its place: ${title}`, () => {
      const error = refusal(() => parsePlan(JSON.stringify(value), 'p.json'));
      assert.equal(error.code, 'E_PLAN');
      assert.deepEqual([error.details.where?.file, error.details.where?.field], ['p.json', field]);
    });
  }

  it('is refused where it is no JSON or too long', () => {
    assert.equal(refusal(() => parsePlan('{')).code, 'E_PLAN');
    assert.equal(refusal(() => parsePlan(' '.repeat(maxPlanText + 1))).code, 'E_PLAN_LIMIT');
  });

  it('keeps a remark on one line of the class, as a remark', () => {
    const assumed = 'a\nimport os\r\u2028\u0000b';
    const lines = planPython(readPlan(call({ assumed }))).split('\n');
    assert.ok(lines.includes('        b = torch.relu(x)  # assumed: a import os b'));
  });
});
