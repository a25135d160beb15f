import type { AbortCheck } from '../core/abort';
import { unsupported } from '../core/errors';
import type { AttributeMap } from '../engine/nn/attributes';
import { createModule, hasForward } from '../engine/nn/createModule';
import { isQuantizable, isTable } from '../engine/nn/dynamicTwin';
import { type Linear, LinearReLU } from '../engine/nn/linear';
import type { QuantizableModule, QuantizableTable } from '../engine/nn/module';
import { type FloatTensor, floatTensor } from '../engine/tensor/tensor';
import { type ModuleNode, ownName } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { dequantize, readCodes, storedQuantization } from './quantizedTensor';
import { isFusedRecord, isQuantizedRecord, storedClass } from './recordRepr';

/** A tensor's values as float32, read from the file now; quantized ones are dequantized. Errors name the tensor. */
export async function readValues(model: Model, tensor: ModelTensor, abort: AbortCheck): Promise<Float32Array> {
  const codes = await readCodes(model, tensor, abort);
  const stored = await storedQuantization(model, tensor.record, abort);
  return stored === undefined ? codes : dequantize(codes, tensor.shape, stored);
}

/** A module's parameters by their own names, read from the file now. */
export async function readParameters(
  model: Model,
  node: ModuleNode<ModelTensor>,
  abort: AbortCheck,
): Promise<Map<string, FloatTensor>> {
  const parameters = new Map<string, FloatTensor>();
  for (const tensor of node.tensors) {
    parameters.set(ownName(tensor.name, node.path), floatTensor(await readValues(model, tensor, abort), tensor.shape));
  }
  return parameters;
}

/**
 * The class of torch.nn that the engine would run a module as: what the file says, or what the
 * names and shapes of its parameters tell. Undefined for other people's classes.
 */
export function engineClass({ record, kind }: Pick<ModuleNode, 'record' | 'kind'>): string | undefined {
  if (record === undefined) return kind?.type;
  if (isQuantizedRecord(record)) return storedClass(record);
  const name = record.className.slice(record.className.lastIndexOf('.') + 1);
  if (/^torch\.nn\./.test(record.className) || isFusedRecord(record)) return name;
  return record.className.startsWith('transformers.') && name === 'Conv1D' ? name : undefined;
}

/** Hyperparameters under PyTorch's names; a state dict has none but those that the shapes tell. */
export function attributesOf({ record }: Pick<ModuleNode, 'record'>): AttributeMap {
  return new Map(Object.entries(record?.attributes ?? {}));
}

/** One module without children, ready to run and to be quantized. */
export async function loadLayer(
  model: Model,
  node: ModuleNode<ModelTensor>,
  abort: AbortCheck,
): Promise<QuantizableModule | QuantizableTable> {
  const type = engineClass(node);
  if (node.kind?.type === 'LinearReLU') return loadFused(model, node, abort);
  // Below a module of an ONNX graph stand its nodes, which have no tensors of their own.
  if (type !== undefined && hasForward(type) && node.children.every(({ tensorCount }) => tensorCount === 0)) {
    const module = createModule(type, attributesOf(node), await readParameters(model, node, abort));
    if (isQuantizable(module) || isTable(module)) return module;
  }
  throw unsupported(
    'E_NOT_RUNNABLE',
    `${node.path || 'The root'} is ${node.type || 'a module of unknown type'}, which cannot be quantized by itself.`,
    {
      hint: 'Choose a Linear, an LSTM, GRU or RNN, one of their cells, or an Embedding.',
    },
  );
}

async function loadFused(model: Model, node: ModuleNode<ModelTensor>, abort: AbortCheck): Promise<LinearReLU> {
  const [first] = node.children;
  const parameters = await readParameters(model, first, abort);
  return new LinearReLU(createModule('Linear', attributesOf(first), parameters) as Linear);
}

/** The same for modules with products, which become int8. */
export async function loadModule(
  model: Model,
  node: ModuleNode<ModelTensor>,
  abort: AbortCheck,
): Promise<QuantizableModule> {
  const module = await loadLayer(model, node, abort);
  if (isQuantizable(module)) return module;
  throw unsupported('E_NOT_RUNNABLE', `${node.path || 'The root'} is ${node.type}, which has no products.`);
}
