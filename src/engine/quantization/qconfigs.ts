import type { EmbeddingBits } from './quantizeEmbedding';
import type { Scheme } from './quantizeWeight';

/** PyTorch's qconfigs for dynamic quantization, by their names in torch.ao.quantization.qconfig without `_qconfig`. */
export type QConfigName =
  | 'default_dynamic'
  | 'per_channel_dynamic'
  | 'float16_dynamic'
  /** float_qparams_weight_only: embeddings, 8 bits. */
  | 'float_qparams'
  /** float_qparams_weight_only_4bit. */
  | 'float_qparams_4bit';

/** What a qconfig does to a weight. */
export type WeightForm =
  | { readonly kind: 'int8'; readonly scheme: Scheme }
  | { readonly kind: 'float16' }
  | { readonly kind: 'table'; readonly bits: EmbeddingBits };

export const weightForms: Readonly<Record<QConfigName, WeightForm>> = {
  default_dynamic: { kind: 'int8', scheme: 'per_tensor' },
  per_channel_dynamic: { kind: 'int8', scheme: 'per_channel' },
  float16_dynamic: { kind: 'float16' },
  float_qparams: { kind: 'table', bits: 8 },
  float_qparams_4bit: { kind: 'table', bits: 4 },
};
