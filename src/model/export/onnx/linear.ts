import { float, type GraphBuilder, int } from './graphBuilder';
import { matrixBytes, transposed } from './matrices';
import { joinPath, type WeightSource } from './weightSource';

const floatType = 1;

/**
 * torch.nn.Linear for inputs of any rank: MatMul with the transposed weight and Add. Quantized,
 * the input becomes uint8 at every call (DynamicQuantizeLinear), the product runs in int32
 * (MatMulInteger), and both scales bring it back.
 */
export function emitLinear(graph: GraphBuilder, weights: WeightSource, path: string, input: string): string {
  const name = joinPath(path, 'weight');
  const bias = joinPath(path, 'bias');
  const [rows, columns] = weights.shape(name);
  const quantization = weights.quantization(path, 'weight');
  let product: string;
  if (quantization === undefined) {
    const weight = graph.constant(name, 'float32', [columns, rows], async () =>
      matrixBytes(transposed(await weights.floats(name), rows, columns)),
    );
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

/** torch.nn.Embedding: rows of the weight by index. */
export function emitEmbedding(graph: GraphBuilder, weights: WeightSource, path: string, input: string): string {
  const name = joinPath(path, 'weight');
  const table = graph.constant(name, 'float32', weights.shape(name), async () =>
    matrixBytes(await weights.floats(name)),
  );
  return graph.op('Gather', path, [table, input]);
}

/** torch.nn.LayerNorm over the last `rank` dimensions; opset 17. */
export function emitLayerNorm(
  graph: GraphBuilder,
  weights: WeightSource,
  path: string,
  input: string,
  epsilon: number,
): string {
  const names = ['weight', 'bias'].map((name) => joinPath(path, name)).filter((name) => weights.has(name));
  const parameters = names.map((name) =>
    graph.constant(name, 'float32', weights.shape(name), async () => matrixBytes(await weights.floats(name))),
  );
  const rank = weights.shape(names[0]).length;
  return graph.op('LayerNormalization', path, [input, ...parameters], { axis: int(-rank), epsilon: float(epsilon) });
}
