import { invalid } from '../../core/errors';
import type { Attributes } from './attributes';
import { type BagMode, embedding, embeddingBag, floatTable, type NormLimit } from './embedding';
import { FunctionModule } from './functionModule';
import { type Maker, type Makers, parameter } from './parts';

function normLimit(attributes: Attributes): NormLimit | undefined {
  const maxNorm = attributes.optionalNumber('max_norm');
  return maxNorm === undefined ? undefined : { maxNorm, normType: attributes.number('norm_type', 2) };
}

const embeddingMaker: Maker = (parts) => {
  const table = floatTable(parameter(parts, 'weight', 2), normLimit(parts.attributes));
  return new FunctionModule(([input]) => embedding(table, input));
};

const bagMaker: Maker = (parts) => {
  const { attributes } = parts;
  const table = floatTable(parameter(parts, 'weight', 2), normLimit(attributes));
  const options = {
    mode: bagMode(attributes.text('mode', 'mean')),
    includeLastOffset: attributes.flag('include_last_offset', false),
    paddingIdx: attributes.optionalNumber('padding_idx'),
  };
  return new FunctionModule((inputs) => embeddingBag(table, options, inputs));
};

function bagMode(mode: string): BagMode {
  if (mode === 'sum' || mode === 'mean' || mode === 'max') return mode;
  throw invalid('E_ATTRIBUTE', 'mode has to be one of sum, mean or max', { found: mode });
}

export const embeddingMakers: Makers = [
  ['Embedding', embeddingMaker],
  ['EmbeddingBag', bagMaker],
];
