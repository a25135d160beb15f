import { invalid } from '../../core/errors';
import type { RecurrentMode, RecurrentShape } from '../random/initialize';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import { floatInput, integerInput, optionalFloat } from './inputs';
import type { ModuleInputs } from './module';
import { swapAxes } from './rearrange';

/** What of torch.nn.LSTM, GRU and RNN does not show in their parameters. */
export interface RecurrentOptions extends RecurrentShape {
  readonly batchFirst?: boolean;
  /** RNN only. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/** A sequence as the recurrence takes it: steps one after the other, each with its running sequences. */
export interface RecurrentInput {
  readonly x: Float32Array;
  readonly sizes: readonly number[];
  readonly batch: number;
  readonly layout: 'batched' | 'batchFirst' | 'unbatched' | 'packed';
  /** Starting states, copied: [states, batch, width] and, for an LSTM, [states, batch, hidden]. */
  readonly h: Float32Array;
  readonly c: Float32Array;
}

/**
 * The arguments input, h0, (c0,) batch_sizes of a forward, checked as PyTorch checks them. With
 * batch_sizes the input is the data [Σ batch_sizes, in] of a PackedSequence in sorted order.
 */
export function recurrentInput(mode: RecurrentMode, options: RecurrentOptions, inputs: ModuleInputs): RecurrentInput {
  const lstm = mode === 'LSTM';
  const input = floatInput(inputs[0]);
  const packed = inputs[lstm ? 3 : 2];
  const { shape } = input;
  if (shape.length !== 3 && shape.length !== 2) {
    throw invalid('E_SHAPE', `${mode}: Expected input to be 2D or 3D, got ${shape.length}D instead`);
  }
  if (shape[shape.length - 1] !== options.inputSize) {
    throw invalid(
      'E_SHAPE',
      `input.size(-1) must be equal to input_size. Expected ${options.inputSize}, got ${shape[shape.length - 1]}`,
    );
  }
  const laid =
    packed === undefined
      ? layOut(input, options.batchFirst ?? false)
      : layOutPacked(input, integerInput(packed, 'batch_sizes'));
  if (laid.sizes.length === 0) throw invalid('E_SHAPE', 'Expected sequence length to be larger than 0 in RNN');
  const states = options.numLayers * (options.bidirectional ? 2 : 1);
  const state = (index: number, width: number) =>
    startState(
      optionalFloat(inputs[index + 1], index === 0 ? 'h0' : 'c0'),
      lstm ? `hidden[${index}]` : 'hidden',
      states,
      laid,
      width,
    );
  return {
    x: laid.x,
    sizes: laid.sizes,
    batch: laid.batch,
    layout: laid.layout,
    h: state(0, options.projSize || options.hiddenSize),
    c: lstm ? state(1, options.hiddenSize) : new Float32Array(0),
  };
}

type Laid = Omit<RecurrentInput, 'h' | 'c'>;

function layOut({ data, shape }: FloatTensor, batchFirst: boolean): Laid {
  if (shape.length === 2) return { x: data, sizes: equalSizes(shape[0], 1), batch: 1, layout: 'unbatched' };
  if (!batchFirst) return { x: data, sizes: equalSizes(shape[0], shape[1]), batch: shape[1], layout: 'batched' };
  const [batch, steps, width] = shape;
  return { x: swapAxes(data, batch, steps, width), sizes: equalSizes(steps, batch), batch, layout: 'batchFirst' };
}

function layOutPacked({ data, shape }: FloatTensor, batchSizes: Float64Array): Laid {
  const sizes = [...batchSizes];
  const falling = sizes.every((size, i) => size > 0 && (i === 0 || size <= sizes[i - 1]));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (shape.length !== 2 || !falling || total !== shape[0]) {
    throw invalid(
      'E_SHAPE',
      `batch_sizes [${sizes.slice(0, 10).join(', ')}] do not fit packed data of shape [${shape.join(', ')}]`,
      {
        hint: 'Batch sizes fall from step to step and add up to the rows of the packed data.',
      },
    );
  }
  return { x: data, sizes, batch: sizes[0], layout: 'packed' };
}

function equalSizes(steps: number, batch: number): number[] {
  return new Array<number>(steps).fill(batch);
}

/** A copy of the state that a person gave, checked as PyTorch does, or zeros. */
function startState(
  given: FloatTensor | undefined,
  name: string,
  states: number,
  { batch, layout }: Laid,
  width: number,
): Float32Array {
  if (given === undefined) return new Float32Array(states * batch * width);
  const expected = layout === 'unbatched' ? [states, width] : [states, batch, width];
  if (given.shape.join() !== expected.join()) {
    throw invalid('E_SHAPE', `Expected ${name} size (${expected.join(', ')}), got [${given.shape.join(', ')}]`);
  }
  return given.data.slice();
}

/** The output in the layout of the input: x [Σ sizes, width]. */
export function outputTensor(x: Float32Array, { sizes, batch, layout }: Laid, width: number): FloatTensor {
  if (layout === 'batchFirst') {
    return floatTensor(swapAxes(x, sizes.length, batch, width), [batch, sizes.length, width]);
  }
  const shape = layout === 'batched' ? [sizes.length, batch, width] : [x.length / width, width];
  return floatTensor(x, shape);
}

export function stateTensor(data: Float32Array, { batch, layout }: Laid, states: number, width: number): FloatTensor {
  return floatTensor(data, layout === 'unbatched' ? [states, width] : [states, batch, width]);
}
