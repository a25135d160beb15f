import type { RunnableDto } from '../protocol/dto';
import type { ModuleKind } from './moduleKind';
import { type ModuleNode, walk } from './moduleTree';

/** The recipe's input: a sequence of 20 steps in a batch of 1. */
const defaultSteps = 20;
const defaultBatch = 1;

/** The inputs that a module of this kind takes, with shapes to start from; undefined when the engine cannot run it. */
export function defaultInputs(kind: ModuleKind): RunnableDto['inputs'] | undefined {
  switch (kind.type) {
    case 'Linear':
      return [{ name: 'input', shape: [defaultSteps, kind.inFeatures] }];
    case 'LSTM':
    case 'GRU': {
      const states = kind.numLayers * (kind.bidirectional ? 2 : 1);
      const input = { name: 'input', shape: [defaultSteps, defaultBatch, kind.inputSize] };
      const h0 = { name: 'h0', shape: [states, defaultBatch, kind.projSize || kind.hiddenSize] };
      return kind.type === 'GRU'
        ? [input, h0]
        : [input, h0, { name: 'c0', shape: [states, defaultBatch, kind.hiddenSize] }];
    }
    default:
      return undefined;
  }
}

/** The modules that can be run by themselves, in the order of the file. */
export function runnableModules(root: ModuleNode, limit: number): RunnableDto[] {
  const runnable: RunnableDto[] = [];
  for (const { path, kind, type, repr, optimizer } of walk(root)) {
    const inputs = kind === undefined || optimizer ? undefined : defaultInputs(kind);
    if (inputs !== undefined) runnable.push({ path, type, repr, inputs });
    if (runnable.length === limit) break;
  }
  return runnable;
}
