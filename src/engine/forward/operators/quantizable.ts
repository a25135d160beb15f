import { Linear } from '../../nn/linear';
import type { DynamicModule, QuantizableModule } from '../../nn/module';
import { type FloatTensor, floatTensor } from '../../tensor/tensor';
import type { Run } from '../interpreter/run';
import { dense, type StridedTensor, wrapElements } from '../values/stridedTensor';
import { linear } from './matrix';
import { reshape } from './shape';
import { define } from './table';

/** Linear, where dynamic quantization goes in: the running module decides whether its product is float or int8. */

/** A tensor as the engine's modules take it: float32, row-major. */
export function engineTensor(run: Run, x: StridedTensor): FloatTensor {
  return floatTensor(dense(run.budget, x) as Float32Array, x.shape);
}

export function fromEngine({ data, shape }: FloatTensor): StridedTensor {
  return wrapElements('float32', data, shape);
}

/** The dynamic twin of the running module, if the spec swapped it. */
export function twinOfRunning(run: Run, float: () => QuantizableModule): DynamicModule | undefined {
  return run.swaps.twin(run.modules.at(-1), float);
}

define(
  'linear(Tensor input, Tensor weight, Tensor? bias=None)',
  (run, x: StridedTensor, weight: StridedTensor, bias: StridedTensor | null) => {
    const twin =
      x.type === 'float32' && weight.rank === 2
        ? twinOfRunning(
            run,
            () => new Linear(engineTensor(run, weight), bias === null ? undefined : engineTensor(run, bias)),
          )
        : undefined;
    if (twin === undefined) return linear(run, x, weight, bias);
    const [n, k] = weight.shape;
    const rows = reshape(run, x, [-1, k]);
    run.budget.compute(x.count * n);
    const [out] = twin.forward([engineTensor(run, rows)], run);
    return reshape(run, fromEngine(out), [...x.shape.slice(0, -1), n]);
  },
);
