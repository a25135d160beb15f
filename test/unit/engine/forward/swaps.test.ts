import assert from 'node:assert/strict';
import { Swaps } from '../../../../src/engine/forward/interpreter/swaps';
import { PyClass, PyObject } from '../../../../src/engine/forward/values/values';
import { Linear } from '../../../../src/engine/nn/linear';
import { floatTensor } from '../../../../src/engine/tensor/tensor';

it('a choice of the swapped modules has the twins of all of them: no weight is quantized again', () => {
  const type = new PyClass('Linear', [], true);
  const [a, b] = [new PyObject(type), new PyObject(type)];
  const swap = (path: string) => ({ path, engine: 'fbgemm', qconfig: 'default_dynamic' }) as const;
  const swaps = new Swaps(
    new Map([
      [a, swap('a')],
      [b, swap('b')],
    ]),
  );
  let made = 0;
  const linear = () => {
    made++;
    return new Linear(floatTensor(new Float32Array([1, 2]), [1, 2]), undefined);
  };
  const some = swaps.only((path) => path === 'a');
  const twin = some.twin(a, linear);
  assert.ok(twin !== undefined);
  assert.equal(some.twin(b, linear), undefined);
  assert.equal(swaps.twin(a, linear), twin);
  assert.equal(made, 1);
  assert.deepEqual([some.has(a), some.has(b)], [true, false]);
  assert.deepEqual([some.used, swaps.only((path) => path === 'b').used], [[twin], []]);
});
