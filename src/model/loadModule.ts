import type { AbortCheck } from '../core/abort';
import { unsupported } from '../core/errors';
import { Linear } from '../engine/nn/linear';
import type { QuantizableModule } from '../engine/nn/module';
import { Recurrent } from '../engine/nn/recurrent';
import { RecurrentCell } from '../engine/nn/recurrentCells';
import { type FloatTensor, floatTensor } from '../engine/tensor/tensor';
import { type ModuleNode, ownName } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { dequantize, readCodes, storedQuantization } from './quantizedTensor';

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

const cellModes = { LSTMCell: 'LSTM', GRUCell: 'GRU', RNNCell: 'RNN' } as const;

/** The module with its weights, ready to run and to be quantized. */
export async function loadModule(
  model: Model,
  node: ModuleNode<ModelTensor>,
  abort: AbortCheck,
): Promise<QuantizableModule> {
  const { kind } = node;
  if (kind?.type === 'Linear') {
    const parameters = await readParameters(model, node, abort);
    return new Linear(parameters.get('weight') as FloatTensor, parameters.get('bias'));
  }
  switch (kind?.type) {
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return new Recurrent(kind.type, kind, await readParameters(model, node, abort));
    case 'LSTMCell':
    case 'GRUCell':
    case 'RNNCell':
      return new RecurrentCell(cellModes[kind.type], kind, await readParameters(model, node, abort));
  }
  throw unsupported(
    'E_NOT_RUNNABLE',
    `${node.path || 'The root'} is ${node.type || 'a module of unknown type'}, which cannot be run by itself yet.`,
    {
      hint: 'Choose a Linear, an LSTM, GRU or RNN, or one of their cells.',
    },
  );
}
