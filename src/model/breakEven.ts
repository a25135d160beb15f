import type { AbortCheck } from '../core/abort';
import { unsupported } from '../core/errors';
import type { Progress } from '../core/progress';
import { selectKernels } from '../engine/kernels/dispatch';
import { Linear } from '../engine/nn/linear';
import type { QuantizableModule } from '../engine/nn/module';
import { Recurrent } from '../engine/nn/recurrent';
import { Generator } from '../engine/random/generator';
import { initLinear, initRecurrent } from '../engine/random/initialize';
import type { FloatTensor, Tensor } from '../engine/tensor/tensor';
import type { BreakEvenDto, BreakEvenRequestDto } from '../protocol/answersDto';
import { measure } from './measure';
import type { ModuleKind } from './moduleKind';
import { moduleRepr } from './moduleRepr';
import { findModule, type Model } from './openModel';

/** Sizes of the other layers in units of this one's. */
const factors = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4];

/** Larger layers take seconds a run in float. */
const maxParameters = 4_000_000;

const steps = 20;
const batch = 1;
const warmup = 3;
const seed = 0;

interface Candidate {
  readonly label: string;
  readonly parameters: number;
  readonly own: boolean;
  readonly module: QuantizableModule;
  readonly inputs: readonly Tensor[];
}

/**
 * Median latencies of float and int8 for layers of this one's type, over their size, on random
 * weights: the time does not depend on the values.
 */
export async function breakEven(
  model: Model,
  { module: path, engine, perChannel, runs }: BreakEvenRequestDto,
  abort: AbortCheck,
  progress: Progress,
): Promise<BreakEvenDto> {
  const node = findModule(model, path);
  const context = { kernels: selectKernels(), abort };
  const points: BreakEvenDto['points'][number][] = [];
  for (const { label, parameters, own, module, inputs } of candidates(node.kind, path)) {
    const dynamic = module.toDynamic(path, engine, perChannel ? 'per_channel' : 'per_tensor');
    const time = (each: Pick<QuantizableModule, 'forward'>, what: string) =>
      measure(() => void each.forward(inputs, context), runs, warmup, abort, progress, `${label} ${what}`);
    const floatUs = await time(module, 'float32');
    const quantizedUs = await time(dynamic, 'int8');
    points.push({ label, parameters, own, floatUs, quantizedUs, ratio: floatUs.median / quantizedUs.median });
  }
  return { module: path, moduleType: node.type, engine, points, breakEvenParameters: crossing(points) };
}

function candidates(kind: ModuleKind | undefined, path: string): Candidate[] {
  const seen = new Map<string, Candidate>();
  for (const factor of factors) {
    const scaled = kind && scaledKind(kind, factor);
    if (scaled === undefined) {
      throw unsupported(
        'E_NOT_RUNNABLE',
        `${path || 'The root'} is no Linear, LSTM, GRU or RNN: its size has no curve.`,
      );
    }
    const own = factor === 1;
    if (!own && (parametersOf(scaled) > maxParameters || seen.has(moduleRepr(scaled)))) continue;
    seen.set(moduleRepr(scaled), {
      ...build(scaled),
      label: moduleRepr(scaled),
      parameters: parametersOf(scaled),
      own,
    });
  }
  return [...seen.values()].sort((a, b) => a.parameters - b.parameters);
}

type Scalable = Extract<ModuleKind, { type: 'Linear' | 'LSTM' | 'GRU' | 'RNN' }>;

function scaledKind(kind: ModuleKind, factor: number): Scalable | undefined {
  const size = (value: number) => (value === 0 ? 0 : Math.max(1, Math.round(value * factor)));
  switch (kind.type) {
    case 'Linear':
      return { ...kind, inFeatures: size(kind.inFeatures), outFeatures: size(kind.outFeatures) };
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return {
        ...kind,
        inputSize: size(kind.inputSize),
        hiddenSize: size(kind.hiddenSize),
        projSize: size(kind.projSize),
      };
    default:
      return undefined;
  }
}

function parametersOf(kind: Scalable): number {
  if (kind.type === 'Linear') return kind.outFeatures * (kind.inFeatures + (kind.bias ? 1 : 0));
  const gates = { LSTM: 4, GRU: 3, RNN: 1 }[kind.type] * kind.hiddenSize;
  const directions = kind.bidirectional ? 2 : 1;
  const width = kind.projSize || kind.hiddenSize;
  const layer = (input: number) =>
    directions * (gates * (input + width + (kind.bias ? 2 : 0)) + kind.projSize * kind.hiddenSize);
  return layer(kind.inputSize) + (kind.numLayers - 1) * layer(width * directions);
}

function build(kind: Scalable): Pick<Candidate, 'module' | 'inputs'> {
  const generator = new Generator(seed);
  if (kind.type === 'Linear') {
    const parameters = initLinear(generator, kind.inFeatures, kind.outFeatures, kind.bias);
    const module = new Linear(parameters.get('weight') as FloatTensor, parameters.get('bias'));
    return { module, inputs: [generator.randn([steps, kind.inFeatures])] };
  }
  const module = new Recurrent(kind.type, kind, initRecurrent(generator, kind.type, kind));
  return { module, inputs: [generator.randn([steps, batch, kind.inputSize])] };
}

/** Where the ratio passes 1 between two neighbours, on logarithmic axes. */
function crossing(points: BreakEvenDto['points']): number | null {
  for (let i = 1; i < points.length; i++) {
    const [below, above] = [points[i - 1], points[i]];
    const [from, to] = [Math.log(below.ratio), Math.log(above.ratio)];
    if (from >= 0 === to >= 0) continue;
    const share = from / (from - to);
    return Math.round(below.parameters * (above.parameters / below.parameters) ** share);
  }
  return null;
}
