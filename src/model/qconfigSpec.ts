import { type QConfigName, weightForms } from '../engine/quantization/qconfigs';
import type { EngineName } from '../protocol/dto';
import type { QuantizedDType, QuantizeSpecDto } from '../protocol/quantizeDto';
import type { ModuleKind } from './moduleKind';

/** What the spec says of one module before its type is looked at. */
export type Choice =
  | { readonly qconfig: QConfigName }
  /** Why there is none. */
  | { readonly qconfig: undefined; readonly reason: 'not in the spec' | 'excluded' };

const products: readonly string[] = ['Linear', 'LSTM', 'GRU', 'LSTMCell', 'RNNCell', 'GRUCell'];

/** torch.ao.quantization.quantize_dynamic's default spec of each dtype. */
export const defaultTypes: Readonly<Record<QuantizedDType, readonly string[]>> = {
  qint8: products,
  float16: products,
  quint8: ['EmbeddingBag', 'Embedding'],
  quint4x2: ['EmbeddingBag'],
};

/** quantize_dynamic(model) without a spec. */
export function defaultSpec(engine: EngineName = 'fbgemm', perChannel = false): QuantizeSpecDto {
  return { engine, dtype: 'qint8', perChannel, modules: null, exclude: [] };
}

/** What a spec gives where no override decides. */
export function baseQConfig({ dtype, perChannel }: QuantizeSpecDto): QConfigName {
  switch (dtype) {
    case 'qint8':
      return perChannel ? 'per_channel_dynamic' : 'default_dynamic';
    case 'float16':
      return 'float16_dynamic';
    case 'quint8':
      return 'float_qparams';
    case 'quint4x2':
      return 'float_qparams_4bit';
  }
}

/** What else one thing is called: a node of an ONNX graph has a name of its own and those of its weights. */
export interface OtherNames {
  readonly types: readonly string[];
  readonly names: readonly string[];
}

const noOthers: OtherNames = { types: [], names: [] };

/**
 * Decides by type and name, as quantize_dynamic's qconfig_spec does: a name holds for everything
 * below it. Names with `*` and exclusion are Quantscope's own. The last override that fits wins.
 */
export function choices(spec: QuantizeSpecDto): (type: string, path: string, also?: OtherNames) => Choice {
  const chosen = { qconfig: baseQConfig(spec) };
  const wanted = (spec.modules ?? defaultTypes[spec.dtype]).map(matcher);
  const excluded = spec.exclude.map(nameMatcher);
  const overrides = (spec.overrides ?? []).map(({ target, qconfig }) => ({ fits: matcher(target), qconfig }));
  return (type, path, { types, names } = noOthers) => {
    const each = [path, ...names];
    const fitsAny = (fits: Fits) => [type, ...types].some((one) => each.some((name) => fits(one, name)));
    for (let i = overrides.length - 1; i >= 0; i--) {
      const { fits, qconfig } = overrides[i];
      if (fitsAny(fits)) return qconfig === null ? { qconfig: undefined, reason: 'excluded' } : { qconfig };
    }
    if (!wanted.some(fitsAny)) return { qconfig: undefined, reason: 'not in the spec' };
    return excluded.some((fits) => each.some(fits)) ? { qconfig: undefined, reason: 'excluded' } : chosen;
  };
}

type Fits = (type: string, path: string) => boolean;

/** A target may be a type, a module, everything below one, or a pattern. */
function matcher(target: string): Fits {
  const byName = nameMatcher(target);
  return (type, path) => type === target || byName(path) || below(path, target);
}

function below(path: string, target: string): boolean {
  return target !== '' && path.startsWith(`${target}.`);
}

/** Exact paths, or a pattern in which `*` stands for any text. */
function nameMatcher(target: string): (path: string) => boolean {
  if (!target.includes('*')) return (path) => path === target;
  const source = target.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${source.join('.*')}$`);
  return (path) => pattern.test(path);
}

const embeddings: readonly string[] = ['Embedding', 'EmbeddingBag'];
const withProducts: readonly string[] = [...products, 'LinearReLU', 'RNN', 'Conv1D'];

/** Why a qconfig does nothing to a module of this kind; undefined where it does. */
export function cannotTake(kind: ModuleKind, qconfig: QConfigName): string | undefined {
  const form = weightForms[qconfig];
  if (form.kind !== 'table') {
    if (withProducts.includes(kind.type)) return undefined;
    return embeddings.includes(kind.type)
      ? `${kind.type} takes float_qparams only`
      : `Quantscope cannot quantize ${kind.type}`;
  }
  if (kind.type !== 'Embedding' && kind.type !== 'EmbeddingBag') return `${kind.type} does not take ${qconfig}`;
  if (form.bits === 4 && kind.embeddingDim % 2 !== 0) return 'a 4-bit embedding needs an even embedding_dim';
  return undefined;
}
