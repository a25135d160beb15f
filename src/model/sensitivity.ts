import type { AbortCheck } from '../core/abort';
import { unsupported } from '../core/errors';
import type { Progress } from '../core/progress';
import { selectKernels } from '../engine/kernels/dispatch';
import { floatInput } from '../engine/nn/inputs';
import type { RunnableModule } from '../engine/nn/module';
import { errorSums } from '../engine/quantization/errorMetrics';
import {
  decibels,
  type FloatSet,
  type LayerCost,
  ranked,
  sizeErrorCurve,
  suggestForSize,
} from '../engine/quantization/suggest';
import type { FloatTensor, Tensor } from '../engine/tensor/tensor';
import type { FloatSetDto, SensitivityDto, SensitivityRequestDto } from '../protocol/answersDto';
import type { RunnableDto } from '../protocol/modelDto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import { loadPair } from './loadPair';
import { cannotRun } from './loadTree';
import type { ModuleNode } from './moduleTree';
import { findModule, type Model, type ModelTensor } from './openModel';
import { type PreparedProgram, toFloat } from './preparedProgram';
import { planQuantization, type QuantizePlan } from './quantizePlan';
import { randomInputs } from './randomInputs';
import { defaultInputs } from './runnable';

/** A model of more layers gets no measured curve: each point is one more forward pass. */
const maxMeasured = 64;

/**
 * Each layer quantized alone, ranked by the error at the output of the whole module, or at its own
 * output where the whole cannot run; and which layers to keep in float. No data set is needed:
 * the inputs are random and seeded, or `given`.
 */
export async function sensitivity(
  model: Model,
  request: SensitivityRequestDto,
  abort: AbortCheck,
  progress: Progress,
  given?: readonly Tensor[],
  whole?: WholeRun,
): Promise<SensitivityDto> {
  const node = request.module === '' ? model.root : findModule(model, request.module);
  const plan = whole?.plan ?? planQuantization(node, request.spec);
  const known = defaultInputs(node);
  const reason = whole === undefined && known === undefined ? (cannotRun(node) ?? 'its inputs are not known') : '';
  if (whole === undefined && given !== undefined && known === undefined) {
    throw unsupported('E_NOT_RUNNABLE', `${node.path || 'The model'} cannot take these inputs: ${reason}.`, {
      hint: 'Without inputs, each layer is measured by itself on random ones.',
    });
  }
  const measured =
    whole !== undefined
      ? await outputNoise(whole, abort, progress)
      : known === undefined || plan.quantized.size === 0
        ? await layerNoise(model, plan, request, abort, progress)
        : await wholeNoise(model, node, request, given ?? randomFor(request, known), known, abort, progress);
  const costs = [...plan.quantized.values()].map(
    (each): LayerCost => ({
      path: each.path,
      noise: measured.noise.get(each.path) ?? 0,
      floatBytes: each.bytes,
      quantizedBytes: plan.bytesAfter.get(each.path) ?? each.bytes,
    }),
  );
  const order = ranked(costs);
  const otherBytes = node.bytes - costs.reduce((sum, { floatBytes }) => sum + floatBytes, 0);
  const measure = async (set: FloatSet): Promise<FloatSetDto> => {
    abort.throwIfAborted();
    await othersFirst();
    return { ...set, measuredDb: (await measured.measure?.(set.keep)) ?? null };
  };
  const curve: FloatSetDto[] = [];
  for (const set of sizeErrorCurve(costs, otherBytes))
    curve.push(costs.length <= maxMeasured ? await measure(set) : { ...set, measuredDb: null });
  return {
    module: node.path,
    scope: measured.measure === undefined ? 'layer' : 'model',
    reason,
    seed: request.seed,
    inputs: measured.inputs,
    layers: order.map(({ path, noise, floatBytes, quantizedBytes }) => ({
      path,
      type: plan.quantized.get(path)?.type ?? '',
      sqnrDb: decibels(noise),
      percent: 100 * Math.sqrt(noise),
      bytes: { before: floatBytes, after: quantizedBytes },
    })),
    curve,
    suggestion: await suggestion(costs, otherBytes, curve, request, measure),
  };
}

/** Lets the thread answer requests for rows between two passes. */
const othersFirst = () => new Promise<void>((resolve) => setImmediate(resolve));

function randomFor({ seed, shapes }: SensitivityRequestDto, known: RunnableDto['inputs']): Tensor[] {
  return randomInputs(seed, shapes ?? known.map(({ shape }) => shape), known);
}

interface Measured {
  /** Noise over signal, by layer. */
  readonly noise: ReadonlyMap<string, number>;
  readonly inputs: SensitivityDto['inputs'];
  /** SQNR at the output with exactly these layers in float. */
  readonly measure?: (keep: readonly string[]) => number | Promise<number>;
}

/** A whole model that runs by code of its own, or as a graph, on its inputs. */
export interface WholeRun {
  readonly inputs: SensitivityDto['inputs'];
  /** The layers that can be quantized, by path. */
  readonly paths: readonly string[];
  /** The first output in float. */
  readonly reference: FloatTensor;
  /** The same with exactly these layers quantized. */
  output(chosen: (path: string) => boolean): FloatTensor | Promise<FloatTensor>;
  /** Which layers the spec quantizes, where the module tree does not tell it. */
  readonly plan?: QuantizePlan<ModelTensor>;
}

/** A program as sensitivity runs it. */
export function programRun(program: PreparedProgram): WholeRun {
  const [reference] = program.run().outputs.map(toFloat);
  const twins = program.twins();
  return {
    inputs: program.inputs,
    paths: [...program.swapped.values()].map(({ path }) => path),
    reference,
    output: (chosen) => toFloat(program.run(twins.only(chosen)).outputs[0]),
  };
}

async function wholeNoise(
  model: Model,
  node: ModuleNode<ModelTensor>,
  { spec }: SensitivityRequestDto,
  inputs: readonly Tensor[],
  known: RunnableDto['inputs'],
  abort: AbortCheck,
  progress: Progress,
): Promise<Measured> {
  const { tree, float, dynamics } = await loadPair(model, node, spec, abort);
  const reference = outputOf(float, inputs, abort);
  const noise = new Map<string, number>();
  for (const [path, dynamic] of dynamics) {
    progress(noise.size, dynamics.size, path);
    abort.throwIfAborted();
    await othersFirst();
    noise.set(path, noiseOf(reference, outputOf(tree.assemble(new Map([[path, dynamic]])), inputs, abort)));
  }
  const measure = (keep: readonly string[]) => {
    const kept = new Set(keep);
    const replaced = new Map([...dynamics].filter(([path]) => !kept.has(path)));
    return decibels(noiseOf(reference, outputOf(tree.assemble(replaced), inputs, abort)));
  };
  return { noise, measure, inputs: inputs.map(({ shape }, i) => ({ name: known[i]?.name ?? `input.${i}`, shape })) };
}

/** The same at the output of a whole model. */
async function outputNoise(
  { inputs, paths, reference, output }: WholeRun,
  abort: AbortCheck,
  progress: Progress,
): Promise<Measured> {
  const noise = new Map<string, number>();
  for (const path of paths) {
    progress(noise.size, paths.length, path);
    abort.throwIfAborted();
    await othersFirst();
    noise.set(path, noiseOf(reference, await output((own) => own === path)));
  }
  const measure = async (keep: readonly string[]) => {
    const kept = new Set(keep);
    return decibels(noiseOf(reference, await output((path) => !kept.has(path))));
  };
  return { noise, measure, inputs };
}

/** Each layer by itself on random input: what it adds, not what becomes of it further on. */
async function layerNoise(
  model: Model,
  plan: QuantizePlan<ModelTensor>,
  { spec, seed }: SensitivityRequestDto,
  abort: AbortCheck,
  progress: Progress,
): Promise<Measured> {
  const noise = new Map<string, number>();
  for (const node of plan.quantized.values()) {
    progress(noise.size, plan.quantized.size, node.path);
    abort.throwIfAborted();
    await othersFirst();
    const known = defaultInputs(node) ?? [];
    const { float, quantized } = await loadPair(model, node, layerSpec(node.path, plan, spec), abort);
    const inputs = randomInputs(
      seed,
      known.map(({ shape }) => shape),
      known,
    );
    noise.set(node.path, noiseOf(outputOf(float, inputs, abort), outputOf(quantized, inputs, abort)));
  }
  return { noise, inputs: [] };
}

/** The spec that does to this layer what the plan does. */
function layerSpec(path: string, plan: QuantizePlan, spec: QuantizeSpecDto): QuantizeSpecDto {
  return { ...spec, exclude: [], overrides: [{ target: path, qconfig: plan.qconfigs.get(path) ?? null }] };
}

function outputOf(module: RunnableModule, inputs: readonly Tensor[], abort: AbortCheck): FloatTensor {
  return floatInput(module.forward(inputs, { kernels: selectKernels(), abort })[0], 'output');
}

function noiseOf(reference: FloatTensor, output: FloatTensor): number {
  const { signal, noise } = errorSums(reference.data, output.data);
  return noise === 0 ? 0 : noise / signal;
}

async function suggestion(
  costs: readonly LayerCost[],
  otherBytes: number,
  curve: readonly FloatSetDto[],
  { targetDb, maxBytes }: SensitivityRequestDto,
  measure: (set: FloatSet) => Promise<FloatSetDto>,
): Promise<SensitivityDto['suggestion']> {
  if (targetDb !== null) {
    // Noises that are not independent may add up to more than expected: what was run decides.
    const reaches = ({ sqnrDb, measuredDb }: FloatSetDto) => (measuredDb ?? sqnrDb) >= targetDb;
    const chosen = curve.find(reaches) ?? curve[curve.length - 1];
    return { ...chosen, reached: reaches(chosen) };
  }
  if (maxBytes === null) return null;
  const chosen = await measure(suggestForSize(costs, maxBytes, otherBytes));
  return { ...chosen, reached: chosen.bytes <= maxBytes };
}
