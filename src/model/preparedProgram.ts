import type { AbortCheck } from '../core/abort';
import { contiguousStrides } from '../core/shape';
import { Budget } from '../engine/forward/interpreter/budget';
import { PyFunction } from '../engine/forward/interpreter/pyFunction';
import type { Swap, Swaps } from '../engine/forward/interpreter/swaps';
import { cast, dense, Storage, StridedTensor } from '../engine/forward/values/stridedTensor';
import { PyTuple, type Value } from '../engine/forward/values/values';
import { selectKernels } from '../engine/kernels/dispatch';
import type { Tap } from '../engine/quantization/tap';
import { type FloatTensor, floatTensor, type Tensor } from '../engine/tensor/tensor';
import type { ForwardRequestDto } from '../protocol/forwardDto';
import type { RunnableDto } from '../protocol/modelDto';
import type { ForwardPlanDto } from '../protocol/planDto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import type { Model } from './openModel';
import { assumptionsOf, loadPlanProgram } from './plan/planProgram';
import { planSwaps } from './programSwaps';
import { defaultSpec } from './qconfigSpec';
import { randomInputs } from './randomInputs';
import { type ProgramResult, programSwaps, runForward } from './runForward';
import { loadScriptProgram, type Program } from './scriptProgram';
import { loadSourceProgram, type SourceChoice, sourceSwaps } from './sourceModel';

/** A program that is loaded once and run by many requests. */
export interface LoadedProgram {
  readonly program: Program;
  readonly className: string;
  readonly notes: readonly string[];
  /** What its modules become under a spec, by path. */
  swaps(spec: QuantizeSpecDto): ReadonlyMap<string, Swap>;
}

/** The model's own forward, from the archive's code or from a class of a Python file; or a plan in its place. */
export async function loadProgram(
  model: Model,
  source: SourceChoice | undefined,
  plan: ForwardPlanDto | undefined,
  abort: AbortCheck,
): Promise<LoadedProgram> {
  if (plan !== undefined) {
    const program = await loadPlanProgram(model, plan, { kernels: selectKernels(), abort }, abort);
    const notes = assumptionsOf(plan).map((one) => `assumed: ${one}`);
    return { program, className: 'forward plan', notes, swaps: (spec) => sourceSwaps(program, spec) };
  }
  if (source === undefined) {
    const program = await loadScriptProgram(model, abort);
    return { program, className: program.root.type.name, notes: [], swaps: (spec) => planSwaps(model, spec) };
  }
  const { program, className, solved, problems } = await loadSourceProgram(
    model,
    source,
    { kernels: selectKernels(), abort },
    abort,
  );
  const values = Object.entries(solved).map(([name, value]) => `${name}=${value}`);
  const notes = [
    ...(values.length === 0 ? [] : [`__init__ arguments worked out from the shapes: ${values.join(', ')}`]),
    ...(source.modules ?? []).map(({ path }) => `imported: ${path}`),
    ...problems.map((problem) => `not read: ${problem}`),
  ];
  return { program, className, notes, swaps: (spec) => sourceSwaps(program, spec) };
}

/** A program with its inputs: what a forward pass, an activation, an explanation and a ranking share. */
export interface PreparedProgram {
  readonly loaded: LoadedProgram;
  readonly spec: QuantizeSpecDto;
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Modules that the spec quantizes, by path in the program. */
  readonly swapped: ReadonlyMap<string, Swap>;
  /** New twins of all of them; kept over the runs that use them. */
  twins(): Swaps;
  run(swaps?: Swaps, tap?: Tap): ProgramResult;
}

/** Under the spec, with these inputs or random ones of the request. */
export function prepareProgram(
  loaded: LoadedProgram,
  { seed, shapes }: Pick<ForwardRequestDto, 'seed' | 'shapes'>,
  spec: QuantizeSpecDto,
  known: RunnableDto['inputs'],
  given: readonly Tensor[] | undefined,
  abort: AbortCheck,
): PreparedProgram {
  const { program } = loaded;
  const inputs = given ?? randomInputs(seed, shapes, known);
  const swapped = loaded.swaps(spec);
  const kernels = selectKernels();
  return {
    loaded,
    spec,
    inputs: inputs.map(({ shape }, i) => ({ name: known[i]?.name ?? `input.${i}`, shape })),
    swapped,
    twins: () => programSwaps(program, swapped),
    run: (swaps, tap) =>
      runForward(program, bundle(program, inputs.map(toValue), known), {
        kernels,
        abort,
        tap,
        engine: spec.engine,
        seed,
        swaps,
      }),
  };
}

/** The spec of a forward pass: the one it names, else everything that PyTorch would quantize. */
export function requestSpec({
  engine,
  perChannel,
  spec,
}: Pick<ForwardRequestDto, 'engine' | 'perChannel' | 'spec'>): QuantizeSpecDto {
  return spec ?? defaultSpec(engine, perChannel);
}

/** A copy: a forward may write to what it is given, and every run gets the same. */
function toValue({ dtype, shape, data }: Tensor): StridedTensor {
  const whole = data instanceof BigInt64Array || data instanceof BigUint64Array;
  const budget = new Budget();
  const strides = contiguousStrides(shape);
  if (whole)
    return new StridedTensor(new Storage('int64', Float64Array.from(data as BigInt64Array, Number)), shape, strides, 0);
  if (dtype === 'float32')
    return new StridedTensor(new Storage('float32', (data as Float32Array).slice()), shape, strides, 0);
  const wide = new StridedTensor(new Storage('float64', Float64Array.from(data as Float32Array)), shape, strides, 0);
  return cast(budget, wide, dtype);
}

/**
 * The arguments of forward. Inputs that `known` says to be parts of one argument become its tuple;
 * else, where there are more inputs than arguments, the last is a tuple of what is left, as an LSTM's (h0, c0).
 */
export function bundle({ root }: Program, inputs: readonly Value[], known: RunnableDto['inputs'] = []): Value[] {
  if (inputs.length === known.length && known.some(({ argument }) => argument !== undefined)) {
    return known.flatMap(({ argument }, i) => {
      if (argument === undefined) return [inputs[i]];
      if (known[i - 1]?.argument === argument) return [];
      return [new PyTuple(inputs.filter((_, part) => known[part].argument === argument))];
    });
  }
  const forward = root.type.find('forward')?.value;
  const count = forward instanceof PyFunction ? forward.positionalCount - 1 : inputs.length;
  if (inputs.length <= count || count < 1) return [...inputs];
  return [...inputs.slice(0, count - 1), new PyTuple(inputs.slice(count - 1))];
}

/** An output as the engine's tensors are, for figures and charts. */
export function toFloat(tensor: StridedTensor): FloatTensor {
  return floatTensor(Float32Array.from(dense(new Budget(), tensor)), tensor.shape);
}
