import type { ForwardPlanDto, PlanInputDto, PlanStepDto } from '../../../protocol/planDto';
import type { Shape, Value } from './emitContext';

/**
 * The inputs of a plan's graph. A size that the first step to take an input does not ask for is
 * open: the batch, the steps of a sequence, the size of an image; the plan's own are only to start from.
 */
export function planInputs({ inputs, steps }: ForwardPlanDto): Value[] {
  const batchFirst = steps.some(({ arguments: args }) => args?.batch_first === true);
  return inputs.map((input, i) => {
    const { name, dtype } = input;
    // Sizes of two inputs need not be equal because they are of one sort.
    const prefix = i === 0 ? '' : `${name}_`;
    const user = steps.find(({ from }) => from.includes(name));
    return { name, dtype, shape: openShape(input, user, batchFirst, prefix) };
  });
}

const overFeatures = /^(Linear|LSTM|GRU|RNN|LSTMCell|GRUCell|RNNCell|MultiheadAttention|Transformer\w*|RMSNorm)$/;
const overChannels = /^(Conv\dd|ConvTranspose\dd|BatchNorm\dd|InstanceNorm\dd|GroupNorm)$/;

function openShape(
  { shape, dtype }: PlanInputDto,
  user: PlanStepDto | undefined,
  batchFirst: boolean,
  prefix: string,
): Shape {
  const rank = shape.length;
  const type = user?.type ?? '';
  if (dtype === 'int64' && /^Embedding(Bag)?$/.test(type))
    return leading(rank, batchFirst || type === 'EmbeddingBag', prefix);
  if (overFeatures.test(type)) return [...leading(rank - 1, batchFirst, prefix), ...shape.slice(rank - 1)];
  if (overChannels.test(type) && rank > 1) return [`${prefix}batch`, shape[1], ...spatial(rank - 2, prefix)];
  return shape;
}

function leading(count: number, batchFirst: boolean, prefix: string): string[] {
  if (count === 1) return [`${prefix}batch`];
  const names = batchFirst ? ['batch', 'steps'] : ['steps', 'batch'];
  return Array.from({ length: count }, (_, i) => `${prefix}${names[i] ?? `size_${i}`}`);
}

function spatial(count: number, prefix: string): string[] {
  if (count === 1) return [`${prefix}length`];
  return ['depth', 'height', 'width'].slice(Math.max(0, 3 - count)).map((name) => prefix + name);
}
