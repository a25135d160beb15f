import { invalid } from '../../../core/errors';
import { DynamicLinear, Linear } from '../../nn/linear';
import type { DynamicModule, QuantizableModule } from '../../nn/module';
import { type FloatTensor, floatTensor } from '../../tensor/tensor';
import type { Run } from '../interpreter/run';
import { dense, StridedTensor, wrapElements } from '../values/stridedTensor';
import { PyObject, PyTuple, type Value } from '../values/values';
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

/** x Wᵀ + b as a product of `module`: int8 where the spec swapped it. */
export function productOf(
  run: Run,
  module: PyObject | undefined,
  x: StridedTensor,
  weight: StridedTensor,
  bias: StridedTensor | null,
): StridedTensor {
  const own = isOwn(module, weight);
  if (!run.swaps.has(module) || x.type !== 'float32' || weight.rank !== 2) return linear(run, x, weight, bias, own);
  const name = weightName(module, weight);
  const twin = run.swaps.twin(
    module,
    () => new Linear(engineTensor(run, weight), bias === null ? undefined : engineTensor(run, bias), name),
    name,
  );
  if (twin === undefined) return linear(run, x, weight, bias, own);
  const [n, k] = weight.shape;
  const rows = reshape(run, x, [-1, k]);
  run.budget.compute(x.count * n);
  const [out] = twin.forward([engineTensor(run, rows)], run);
  return reshape(run, fromEngine(out), [...x.shape.slice(0, -1), n]);
}

/** What a module calls one of its weights; a weight that it made up itself is `weight`. */
function weightName(module: PyObject, weight: StridedTensor): string {
  return ownName(module, weight) ?? 'weight';
}

/** Whether a weight belongs to the module itself, and not to another or to this run alone. */
export function isOwn(module: PyObject | undefined, weight: StridedTensor): boolean {
  return ownName(module, weight) !== undefined;
}

function ownName(object: PyObject | undefined, weight: StridedTensor): string | undefined {
  for (const [name, value] of object?.module?.parameters ?? []) if (isSame(value, weight)) return name;
  for (const [name, value] of object?.attributes ?? []) if (isSame(value, weight)) return name;
  return undefined;
}

function isSame(value: Value, weight: StridedTensor): boolean {
  return value instanceof StridedTensor && value.storage === weight.storage && value.offset === weight.offset;
}

/** The child of a module that has this weight: fused operators take the weights of children. */
export function childWith(module: PyObject | undefined, weight: StridedTensor): PyObject | undefined {
  for (const child of [...(module?.attributes.values() ?? []), ...(module?.module?.modules.values() ?? [])]) {
    if (!(child instanceof PyObject)) continue;
    if (isSame(child.attributes.get('weight') ?? child.module?.parameters.get('weight') ?? null, weight)) return child;
  }
  return undefined;
}

define(
  'linear(Tensor input, Tensor weight, Tensor? bias=None)',
  (run, x: StridedTensor, weight: StridedTensor, bias: StridedTensor | null) =>
    productOf(run, run.modules.at(-1), x, weight, bias),
);

/**
 * A dynamic product of a module that was quantized before it was saved. The packed weight is the
 * state of `torch.classes.quantized.LinearPackedParamsBase`: int8 codes and a bias.
 */
define(
  'linear_dynamic(Tensor X, any W_prepack, bool reduce_range=False)',
  (run, x: StridedTensor, packed: Value) => {
    const state = packed instanceof PyObject ? packed.attributes.get('#state') : undefined;
    const [weight, bias] = state instanceof PyTuple ? state.items : [];
    if (!(weight instanceof StridedTensor) || weight.qparams === undefined || weight.rank !== 2) {
      throw invalid('E_RUN_TYPE', 'The packed weight of a quantized Linear is not one.');
    }
    const [rows, columns] = weight.shape;
    const module = run.modules.at(-1);
    const twin = new DynamicLinear({
      module: (module && run.paths.get(module)) ?? '',
      name: 'weight',
      engine: run.engine,
      bias: bias instanceof StridedTensor ? (dense(run.budget, bias) as Float32Array) : undefined,
      weight: {
        scheme: weight.qparams.axis === null ? 'per_tensor' : 'per_channel',
        axis: weight.qparams.axis === null ? null : 0,
        rows,
        columns,
        codes: dense(run.budget, weight) as Int8Array,
        scales: Float64Array.from(weight.qparams.scales),
        zeroPoints: Int32Array.from(weight.qparams.zeroPoints),
      },
    });
    run.budget.compute(x.count * rows);
    const [out] = twin.forward([engineTensor(run, reshape(run, x, [-1, columns]))], run);
    return reshape(run, fromEngine(out), [...x.shape.slice(0, -1), rows]);
  },
  'quantized',
);
