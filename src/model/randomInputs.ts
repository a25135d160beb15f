import { invalid } from '../core/errors';
import { numel } from '../core/shape';
import { Generator } from '../engine/random/generator';
import { int64Tensor, type Tensor } from '../engine/tensor/tensor';
import type { ForwardRequestDto } from '../protocol/forwardDto';
import type { RunnableDto } from '../protocol/modelDto';

/** Values of one input; more is a typing error more often than a wish. */
const maxInputValues = 50_000_000;

/**
 * torch.manual_seed(seed), then torch.randn of each shape in order; indices are torch.randint
 * below the size of their table. `known` are the inputs that the module asks for.
 */
export function randomInputs(
  seed: number,
  shapes: readonly (readonly number[])[],
  known: RunnableDto['inputs'],
): Tensor[] {
  for (const shape of shapes) {
    if (numel(shape) > maxInputValues) {
      throw invalid(
        'E_INPUT_LIMIT',
        `An input of shape ${shape.join(' × ')} has ${numel(shape)} values; the limit is ${maxInputValues}.`,
      );
    }
  }
  const generator = new Generator(seed);
  return shapes.map((shape, i) => {
    const { dtype, high = 1 } = known[i] ?? {};
    return dtype === 'int64'
      ? int64Tensor(generator.randint(0, Math.max(high, 1), numel(shape)), shape)
      : generator.randn(shape);
  });
}

/** The inputs of a request: those that were given, else random ones. */
export function requestInputs(
  { seed, shapes }: Pick<ForwardRequestDto, 'seed' | 'shapes'>,
  known: RunnableDto['inputs'],
  given: readonly Tensor[] | undefined,
): readonly Tensor[] {
  return given ?? randomInputs(seed, shapes, known);
}
