import { convolution, transposedConvolution } from './convolution';
import { FunctionModule } from './functionModule';
import { floatInput } from './inputs';
import { type Maker, type Makers, type Parts, parameter } from './parts';

const convolutionMaker =
  (dimensions: number): Maker =>
  (parts) => {
    const { attributes } = parts;
    const weight = parameter(parts, 'weight', dimensions + 2);
    const bias = parts.parameters.get('bias');
    const options = {
      stride: attributes.sizes('stride', dimensions, 1),
      dilation: attributes.sizes('dilation', dimensions, 1),
      groups: attributes.size('groups', 1),
      padding: paddingOf(parts, weight.shape.slice(2)),
      paddingMode: attributes.text('padding_mode', 'zeros'),
    };
    return new FunctionModule(([input], context) => convolution(floatInput(input), weight, bias, options, context));
  };

/** `same` adds what keeps the size, the odd one at the end; `valid` nothing. */
function paddingOf({ attributes }: Parts, kernel: readonly number[]) {
  const mode = attributes.values.get('padding');
  if (mode === 'valid') return kernel.map(() => ({ before: 0, after: 0 }));
  if (mode === 'same') {
    const dilation = attributes.sizes('dilation', kernel.length, 1);
    return kernel.map((size, d) => {
      const total = dilation[d] * (size - 1);
      return { before: Math.floor(total / 2), after: total - Math.floor(total / 2) };
    });
  }
  return attributes.sizes('padding', kernel.length, 0).map((size) => ({ before: size, after: size }));
}

const transposedMaker =
  (dimensions: number): Maker =>
  (parts) => {
    const { attributes } = parts;
    const weight = parameter(parts, 'weight', dimensions + 2);
    const bias = parts.parameters.get('bias');
    const options = {
      stride: attributes.sizes('stride', dimensions, 1),
      padding: attributes.sizes('padding', dimensions, 0),
      outputPadding: attributes.sizes('output_padding', dimensions, 0),
      dilation: attributes.sizes('dilation', dimensions, 1),
      groups: attributes.size('groups', 1),
    };
    return new FunctionModule(([input]) => transposedConvolution(floatInput(input), weight, bias, options));
  };

export const convolutionMakers: Makers = [1, 2, 3].flatMap((dimensions) => [
  [`Conv${dimensions}d`, convolutionMaker(dimensions)] as const,
  [`ConvTranspose${dimensions}d`, transposedMaker(dimensions)] as const,
]);
