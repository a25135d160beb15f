import type { AbortCheck } from '../core/abort';
import { unsupported } from '../core/errors';
import { createModule } from '../engine/nn/createModule';
import { isQuantizable } from '../engine/nn/dynamicTwin';
import type { ForwardContext } from '../engine/nn/forwardContext';
import { DynamicLinear, Linear, LinearReLU } from '../engine/nn/linear';
import type { DynamicModule, ModuleInputs, QuantizableModule, RunnableModule } from '../engine/nn/module';
import { QuantizedEmbedding, QuantizedEmbeddingBag } from '../engine/nn/quantizedEmbedding';
import { DynamicRecurrent, Recurrent } from '../engine/nn/recurrent';
import { DynamicCell, RecurrentCell } from '../engine/nn/recurrentCells';
import type { PackedLinear } from '../engine/quantization/dynamicLinear';
import type { QuantizedEngine } from '../engine/quantization/engines';
import type { QuantizedTable } from '../engine/quantization/quantizeEmbedding';
import type { QuantizedWeight } from '../engine/quantization/quantizeWeight';
import type { FloatTensor } from '../engine/tensor/tensor';
import { attributesOf, readParameters } from './loadModule';
import { moduleKind } from './moduleKind';
import { type ModuleNode, ownName, walk } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { readCodes, storedQuantization } from './quantizedTensor';
import { storedClass } from './recordRepr';

/** Whether the file holds this module as quantize_dynamic left it, in a form that can be run. */
export function isStoredTwin({ record }: Pick<ModuleNode, 'record'>): boolean {
  return record !== undefined && storedClass(record) !== undefined;
}

/** Paths of such modules, with everything below. */
export function storedTwins(node: ModuleNode): string[] {
  return [...walk(node)].filter(isStoredTwin).map(({ path }) => path);
}

/**
 * A module that the file holds quantized. By itself it is the float module of the weights that
 * the codes stand for; its dynamic twin has the codes and scales of the file, whatever the scheme.
 */
export class StoredTwin implements QuantizableModule {
  readonly outputs: readonly string[];

  constructor(
    private readonly float: RunnableModule,
    readonly weights: ReadonlyMap<string, Float32Array>,
    private readonly twin: (path: string, engine: QuantizedEngine) => DynamicModule,
  ) {
    this.outputs = float.outputs;
  }

  forward(inputs: ModuleInputs, context: ForwardContext): FloatTensor[] {
    return this.float.forward(inputs, context) as FloatTensor[];
  }

  toDynamic(path: string, engine: QuantizedEngine): DynamicModule {
    return this.twin(path, engine);
  }

  toFloat16(): DynamicModule {
    return this.twin('', 'fbgemm');
  }
}

/** Reads a quantized module's codes and scales; E_NOT_RUNNABLE where they are not those of a dynamic module. */
export async function loadStoredTwin(
  model: Model,
  node: ModuleNode<ModelTensor>,
  abort: AbortCheck,
): Promise<StoredTwin> {
  const type = (node.record && storedClass(node.record)) ?? '';
  const parameters = await readParameters(model, node, abort);
  const plain = new Map([...parameters].filter(([name]) => !/^(scale|zero_point)$/.test(name)));
  const weights = new Map(
    [...plain].filter(([name]) => name.startsWith('weight')).map(([name, { data }]) => [name, data]),
  );
  checkShapes(node, type, plain);
  const float = floatModule(node, type, plain);
  const own = (name: string) => node.tensors.find((tensor) => ownName(tensor.name, node.path) === name);
  const names = [...weights.keys()];
  if (names.every((name) => own(name)?.record.quantization === undefined)) {
    // Half precision: the weights are float32 values that float16 has.
    return new StoredTwin(float, weights, () =>
      isQuantizable(float) ? float.toFloat16() : wrong(node, 'it has no products'),
    );
  }
  if (type === 'Embedding' || type === 'EmbeddingBag') {
    const table = await readTable(model, node, own('weight'), abort);
    const includeLastOffset = attributesOf(node).get('include_last_offset') === true;
    const bag = { mode: 'sum', includeLastOffset, paddingIdx: undefined } as const;
    return new StoredTwin(float, weights, () =>
      type === 'Embedding' ? new QuantizedEmbedding(table) : new QuantizedEmbeddingBag(table, bag),
    );
  }
  const packed: Omit<PackedLinear, 'engine'>[] = [];
  for (const name of names) {
    const weight = await readWeight(model, node, own(name), abort);
    packed.push({ module: node.path, name, weight, bias: plain.get(name.replace('weight', 'bias'))?.data });
  }
  return new StoredTwin(float, weights, (_, engine) =>
    dynamicModule(
      node,
      float,
      packed.map((each) => ({ ...each, engine })),
    ),
  );
}

function floatModule(node: ModuleNode, type: string, parameters: ReadonlyMap<string, FloatTensor>): RunnableModule {
  if (type !== 'LinearReLU') return createModule(type, attributesOf(node), parameters);
  return new LinearReLU(new Linear(parameters.get('weight') as FloatTensor, parameters.get('bias')));
}

function dynamicModule(node: ModuleNode, float: RunnableModule, products: readonly PackedLinear[]): DynamicModule {
  if (float instanceof Linear) return new DynamicLinear(products[0]);
  if (float instanceof LinearReLU) return new DynamicLinear(products[0], true);
  if (float instanceof Recurrent) return new DynamicRecurrent(float.mode, float.options, products);
  if (float instanceof RecurrentCell) return new DynamicCell(float.mode, float.options, products);
  throw wrong(node, `its class ${node.type} is not one of quantize_dynamic’s`);
}

/** The shapes must be those of the class, since a file may say anything. */
function checkShapes(node: ModuleNode, type: string, parameters: ReadonlyMap<string, FloatTensor>): void {
  const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
  const table = type === 'Embedding' || type === 'EmbeddingBag';
  const kind = moduleKind(shapes, table ? 'embedding' : 'linear', false)?.type;
  const expected = table ? 'Embedding' : type === 'LinearReLU' ? 'Linear' : type;
  if (kind !== expected) throw wrong(node, `its parameters are not those of ${expected}`);
  for (const [name, [rows]] of shapes) {
    const bias = shapes.get(name.replace('weight', 'bias'));
    if (name.startsWith('weight') && bias !== undefined && (bias.length !== 1 || bias[0] !== rows))
      throw wrong(node, `the bias of ${name} has another length`);
  }
}

async function readWeight(
  model: Model,
  node: ModuleNode,
  tensor: ModelTensor | undefined,
  abort: AbortCheck,
): Promise<QuantizedWeight> {
  const stored = tensor && (await storedQuantization(model, tensor.record, abort));
  if (tensor === undefined || stored === undefined) throw wrong(node, 'not all of its weights are quantized');
  const [rows, columns] = tensor.shape;
  const { scheme, scales } = stored;
  if (tensor.dtype !== 'qint8') throw wrong(node, `${tensor.name} is ${tensor.dtype} and not qint8`);
  if (stored.zeroPoints.some((zeroPoint) => zeroPoint !== 0))
    throw wrong(node, `${tensor.name} has a zero point that is not 0`);
  if (scheme === 'per_channel' && (stored.axis !== 0 || scales.length !== rows))
    throw wrong(node, `${tensor.name} has no scale for each of its rows`);
  const codes = Int8Array.from(await readCodes(model, tensor, abort));
  const axis = scheme === 'per_channel' ? 0 : null;
  return {
    scheme,
    axis,
    rows,
    columns,
    codes,
    scales: Float64Array.from(scales),
    zeroPoints: new Int32Array(scales.length),
  };
}

async function readTable(
  model: Model,
  node: ModuleNode,
  tensor: ModelTensor | undefined,
  abort: AbortCheck,
): Promise<QuantizedTable> {
  const stored = tensor && (await storedQuantization(model, tensor.record, abort));
  if (tensor === undefined || stored === undefined) throw wrong(node, 'its table is not quantized');
  const [rows, width] = tensor.shape;
  const bits = tensor.dtype === 'quint4x2' ? 4 : 8;
  if (tensor.dtype !== 'quint8' && bits === 8) throw wrong(node, `${tensor.name} is ${tensor.dtype} and not quint8`);
  if (stored.axis !== 0 || stored.scales.length !== rows || stored.zeroPoints.length !== rows)
    throw wrong(node, `${tensor.name} has no scale for each of its rows`);
  const codes = Uint8Array.from(await readCodes(model, tensor, abort));
  const [scales, zeroPoints] = [Float32Array.from(stored.scales), Float32Array.from(stored.zeroPoints)];
  return { bits, rows, width, codes, scales, zeroPoints };
}

function wrong({ path, type }: ModuleNode, why: string): never {
  throw unsupported('E_NOT_RUNNABLE', `${path || type} cannot be run as ${type}: ${why}.`, {
    hint: 'quantize_dynamic writes int8 weights with zero point 0; quantize the float model again.',
  });
}
