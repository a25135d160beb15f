import { invalid } from '../../core/errors';
import type { Attributes } from './attributes';
import type { BagMode, NormLimit } from './embedding';
import { type Maker, type Makers, parameter } from './parts';
import { Embedding, EmbeddingBag } from './quantizedEmbedding';

function normLimit(attributes: Attributes): NormLimit | undefined {
  const maxNorm = attributes.optionalNumber('max_norm');
  return maxNorm === undefined ? undefined : { maxNorm, normType: attributes.number('norm_type', 2) };
}

const embeddingMaker: Maker = (parts) => new Embedding(parameter(parts, 'weight', 2), normLimit(parts.attributes));

const bagMaker: Maker = (parts) => {
  const { attributes } = parts;
  const options = {
    mode: bagMode(attributes.text('mode', 'mean')),
    includeLastOffset: attributes.flag('include_last_offset', false),
    paddingIdx: attributes.optionalNumber('padding_idx'),
  };
  return new EmbeddingBag(parameter(parts, 'weight', 2), options, normLimit(attributes));
};

function bagMode(mode: string): BagMode {
  if (mode === 'sum' || mode === 'mean' || mode === 'max') return mode;
  throw invalid('E_ATTRIBUTE', 'mode has to be one of sum, mean or max', { found: mode });
}

export const embeddingMakers: Makers = [
  ['Embedding', embeddingMaker],
  ['EmbeddingBag', bagMaker],
];
