import { invalid } from '../../core/errors';
import { floatModule, type Maker, type Makers, type Parts } from './parts';
import { adaptivePool, averagePool, maxPool, type PoolOptions } from './pooling';

function poolOptions({ attributes }: Parts, dimensions: number): PoolOptions {
  const kernel = attributes.sizes('kernel_size', dimensions);
  // Python's default stride is None: the size of the kernel.
  const stride = (attributes.values.get('stride') ?? null) === null ? kernel : attributes.sizes('stride', dimensions);
  return {
    kernel,
    stride,
    padding: attributes.sizes('padding', dimensions, 0),
    dilation: attributes.sizes('dilation', dimensions, 1),
    ceilMode: attributes.flag('ceil_mode', false),
  };
}

const maxMaker =
  (dimensions: number): Maker =>
  (parts) => {
    const options = poolOptions(parts, dimensions);
    return floatModule((x) => maxPool(x, options));
  };

const averageMaker =
  (dimensions: number): Maker =>
  (parts) => {
    const options = {
      ...poolOptions(parts, dimensions),
      countIncludePad: parts.attributes.flag('count_include_pad', true),
      divisor: parts.attributes.optionalNumber('divisor_override'),
    };
    return floatModule((x) => averagePool(x, options));
  };

const adaptiveMaker =
  (dimensions: number, kind: 'average' | 'max'): Maker =>
  ({ attributes }) => {
    const target = outputSize(attributes.values.get('output_size'), dimensions);
    return floatModule((x) => adaptivePool(x, target, kind));
  };

/** One size for every dimension, or one each; null keeps the input's. */
function outputSize(value: unknown, dimensions: number): (number | null)[] {
  const list: unknown[] = Array.isArray(value) ? value : new Array(dimensions).fill(value);
  const sound =
    list.length === dimensions &&
    list.every((size) => size === null || (Number.isSafeInteger(size) && Number(size) > 0));
  if (!sound)
    throw invalid('E_ATTRIBUTE', 'The attribute output_size of this module is not a size.', {
      where: { field: 'output_size' },
    });
  return list as (number | null)[];
}

export const poolMakers: Makers = [1, 2, 3].flatMap((dimensions) => [
  [`MaxPool${dimensions}d`, maxMaker(dimensions)] as const,
  [`AvgPool${dimensions}d`, averageMaker(dimensions)] as const,
  [`AdaptiveAvgPool${dimensions}d`, adaptiveMaker(dimensions, 'average')] as const,
  [`AdaptiveMaxPool${dimensions}d`, adaptiveMaker(dimensions, 'max')] as const,
]);
