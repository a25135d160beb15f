import { invalid } from '../../../core/errors';
import { contiguousStrides } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { dense, emptyTensor, type StridedTensor, scatter } from '../values/stridedTensor';
import { narrow } from './shape';
import { define } from './table';

/** Padding: pairs of (before, after) from the last dimension backwards. */

/** Zeros or another constant around; negative amounts crop. */
export function padConstant(run: Run, given: StridedTensor, pads: readonly number[], value: number): StridedTensor {
  checkPads(given, pads);
  let x = given;
  const amounts = x.shape.map((_, d) => {
    const i = 2 * (x.rank - 1 - d);
    return [pads[i] ?? 0, pads[i + 1] ?? 0];
  });
  for (const [d, [before, after]] of amounts.entries()) {
    if (before < 0 || after < 0)
      x = narrow(x, d, Math.max(-before, 0), x.shape[d] + Math.min(before, 0) + Math.min(after, 0));
  }
  const grow = amounts.map(([before, after]) => [Math.max(before, 0), Math.max(after, 0)]);
  const out = emptyTensor(
    run.budget,
    x.type,
    x.shape.map((size, d) => size + grow[d][0] + grow[d][1]),
  );
  if (value !== 0) out.storage.data.fill(value);
  let inner = out;
  for (const [d, [before]] of grow.entries()) inner = narrow(inner, d, before, x.shape[d]);
  scatter(run.budget, inner, dense(run.budget, x));
  return out;
}

function checkPads(x: StridedTensor, pads: readonly number[]): void {
  if (pads.length % 2 !== 0 || pads.length > 2 * x.rank) {
    throw invalid(
      'E_RUN_SHAPE',
      `Padding length must be divisible by 2 and at most twice the number of dimensions of the input, got ${pads.length} for ${x.rank} dimensions`,
    );
  }
}

const sources = {
  reflect: (at: number, size: number) => (at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at),
  replicate: (at: number, size: number) => Math.min(Math.max(at, 0), size - 1),
  circular: (at: number, size: number) => ((at % size) + size) % size,
} as const;

/** Padding that repeats the tensor's own values. */
function padWith(run: Run, x: StridedTensor, pads: readonly number[], mode: keyof typeof sources): StridedTensor {
  checkPads(x, pads);
  const amounts = x.shape.map((_, d) => pads[2 * (x.rank - 1 - d)] ?? 0);
  const shape = x.shape.map((size, d) => size + amounts[d] + (pads[2 * (x.rank - 1 - d) + 1] ?? 0));
  if (
    mode === 'reflect' &&
    shape.some((_, d) => Math.max(amounts[d], pads[2 * (x.rank - 1 - d) + 1] ?? 0) >= x.shape[d] && amounts[d] > 0)
  ) {
    throw invalid('E_RUN_SHAPE', 'Padding size should be less than the corresponding input dimension');
  }
  const out = emptyTensor(run.budget, x.type, shape);
  const values = dense(run.budget, x);
  const [to, from] = [contiguousStrides(shape), contiguousStrides(x.shape)];
  run.budget.compute(out.count * x.rank);
  for (let i = 0; i < out.count; i++) {
    let at = 0;
    for (let d = 0; d < shape.length; d++)
      at += sources[mode]((Math.floor(i / to[d]) % shape[d]) - amounts[d], x.shape[d]) * from[d];
    out.storage.data[i] = values[at];
  }
  return out;
}

function pad(run: Run, x: StridedTensor, pads: number[], mode: string, value: number | null): StridedTensor {
  if (mode === 'constant') return padConstant(run, x, pads, value ?? 0);
  if (!Object.hasOwn(sources, mode))
    throw invalid('E_RUN_ARGUMENT', `Unrecognised padding mode ${JSON.stringify(mode.slice(0, 20))}`);
  return padWith(run, x, pads, mode as keyof typeof sources);
}
define('pad(Tensor input, int[] pad, str mode="constant", float? value=None)', pad);
define(
  'constant_pad_nd(Tensor self, int[] pad, float value=0)',
  (run, x: StridedTensor, pads: number[], value: number) => padConstant(run, x, pads, value),
);
for (const mode of ['reflect', 'replicate'] as const) {
  const name = mode === 'reflect' ? 'reflection' : 'replication';
  for (const n of [1, 2, 3])
    define(`${name}_pad${n}d(Tensor self, int[] padding)`, (run, x: StridedTensor, pads: number[]) =>
      padWith(run, x, pads, mode),
    );
}
