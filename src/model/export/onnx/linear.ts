import { type GraphBuilder, int } from './graphBuilder';
import { matrixBytes, transposed } from './matrices';
import { joinPath, type WeightSource } from './weightSource';

const floatType = 1;

/**
 * torch.nn.Linear for inputs of any rank: MatMul with the transposed weight and Add. Quantized,
 * the input becomes uint8 at every call (DynamicQuantizeLinear), the product runs in int32
 * (MatMulInteger), and both scales bring it back.
 */
export function emitLinear(
  graph: GraphBuilder,
  weights: WeightSource,
  path: string,
  input: string,
  { tensors = path, isTransposed = false }: LinearForm = {},
): string {
  const name = joinPath(tensors, 'weight');
  const bias = joinPath(tensors, 'bias');
  const stored = weights.shape(name);
  const [rows, columns] = isTransposed ? [stored[1], stored[0]] : stored;
  const quantization = weights.quantization(path, 'weight');
  let product: string;
  if (quantization === undefined) {
    const weight = graph.constant(name, 'float32', [columns, rows], async () => {
      const values = await weights.floats(name);
      return matrixBytes(isTransposed ? values : transposed(values, rows, columns));
    });
    product = graph.op('MatMul', path, [input, weight]);
  } else {
    const weight = graph.constant(`${name}_quantized`, 'int8', [columns, rows], async () =>
      matrixBytes(transposed(await weights.codes(path, 'weight'), rows, columns)),
    );
    const { scales } = quantization;
    const scale = graph.floats(`${name}_scale`, scales, scales.length === 1 ? [] : [scales.length]);
    const [codes, inputScale, zeroPoint] = graph.node('DynamicQuantizeLinear', path, [input], { outputs: 3 });
    const sums = graph.op('MatMulInteger', path, [codes, weight, zeroPoint]);
    const factor = graph.op('Mul', path, [inputScale, scale]);
    product = graph.op('Mul', path, [graph.op('Cast', path, [sums], { to: int(floatType) }), factor]);
  }
  if (!weights.has(bias)) return product;
  const added = graph.constant(bias, 'float32', [rows], async () => matrixBytes(await weights.floats(bias)));
  return graph.op('Add', path, [product, added]);
}

export interface LinearForm {
  /** Where its parameters are, when not below its own path: the fused LinearReLU has them in its child `0`. */
  readonly tensors?: string;
  /** GPT-2's Conv1D keeps its weight [in, out]; quantized it is a Linear's. */
  readonly isTransposed?: boolean;
}
