import { globalCall, itemsOf } from '../pickle/access';
import type { PickleValue } from '../pickle/types';
import { PickleTuple } from '../pickle/types';
import type { TensorRecord } from '../types';

/**
 * What quantize_dynamic leaves in a checkpoint: weights packed into script objects. They are
 * unpacked into the names that the float module had. Layouts: torch/ao/nn/quantized and
 * aten/src/ATen/native/quantized/cpu/qlinear.cpp, RNN.cpp of PyTorch 1.13 and 2.x.
 */

/** A value to look at, under the name of the float module's parameter. */
export interface PackedPart {
  readonly name: string;
  readonly value: PickleValue;
}

const linearClass = '__torch__.torch.classes.quantized.LinearPackedParamsBase';
const cellClass = '__torch__.torch.classes.rnn.CellParamsBase';
const embeddingClass = '__torch__.torch.classes.quantized.EmbeddingPackedParamsBase';

/** Class and state of a `torch.ScriptObject`, which BUILD gives as (state, class name). */
export function scriptObject(value: PickleValue): { className: string; state: PickleValue } | undefined {
  const found = globalCall(value);
  if (found === undefined || !/^torch\.(_C\.)?ScriptObject$/.test(found.name)) return undefined;
  const [state, className] = itemsOf(found.call.state);
  return { className: typeof className === 'string' ? className : '', state: state ?? null };
}

/** The products of one cell, layer and direction: input and hidden, each a weight and a bias. */
export interface PackedCell {
  readonly ih: readonly PackedPart[];
  readonly hh: readonly PackedPart[];
}

export type Packed =
  | { readonly kind: 'linear' | 'embedding'; readonly base: string; readonly parts: readonly PackedPart[] }
  /** One product of a dynamic cell: LSTMCell, GRUCell, RNNCell. */
  | { readonly kind: 'cell'; readonly base: string; readonly parts: readonly PackedPart[] }
  /** Layer times directions plus direction. */
  | { readonly kind: 'recurrent'; readonly base: string; readonly index: number; readonly cell: PackedCell };

/** What stands under `path`, when it is packed; undefined for everything else. */
export function unpack(path: string, value: PickleValue): Packed | undefined {
  const script = scriptObject(value);
  if (script === undefined) return unpackPlain(path, value);
  const { className, state } = script;
  if (className === linearClass) {
    const cell = /^(?:(.*)\.)?_packed_weight_(ih|hh)$/s.exec(path);
    if (cell !== null) return { kind: 'cell', base: cell[1] ?? '', parts: weightAndBias(state, `_${cell[2]}`) };
    return { kind: 'linear', base: linearBase(path) ?? path, parts: weightAndBias(state, '') };
  }
  if (className === embeddingClass) {
    const base = /^(?:(.*)\.)?_packed_params\._packed_weight$/s.exec(path)?.[1];
    return {
      kind: 'embedding',
      base: base ?? '',
      parts: [{ name: 'weight', value: itemsOf(itemsOf(state)[1])[0] ?? null }],
    };
  }
  if (className !== cellClass) return undefined;
  const place = /^(?:(.*)\.)?_all_weight_values\.(\d{1,6})\.param$/s.exec(path);
  const cell = unpackCell(state);
  if (cell === undefined) return undefined;
  return { kind: 'recurrent', base: place === null ? path : (place[1] ?? ''), index: Number(place?.[2] ?? 0), cell };
}

/** State dicts hold a Linear as a plain tuple and an Embedding as a plain tensor, under telling names. */
function unpackPlain(path: string, value: PickleValue): Packed | undefined {
  if (path.endsWith('_packed_params._packed_params') && value instanceof PickleTuple && value.items.length === 2) {
    return { kind: 'linear', base: linearBase(path) ?? path, parts: weightAndBias(value, '') };
  }
  const base = /^(?:(.*)\.)?_packed_params\._packed_weight$/s.exec(path);
  if (base === null) return undefined;
  return { kind: 'embedding', base: base[1] ?? '', parts: [{ name: 'weight', value }] };
}

function linearBase(path: string): string | undefined {
  const found = /^(?:(.*)\.)?_packed_params\._packed_params$/s.exec(path);
  return found === null ? undefined : (found[1] ?? '');
}

function weightAndBias(state: PickleValue, suffix: string): PackedPart[] {
  const [weight, bias] = itemsOf(state);
  const parts = [{ name: `weight${suffix}`, value: weight ?? null }];
  return bias === undefined || bias === null ? parts : [...parts, { name: `bias${suffix}`, value: bias }];
}

/** (kind, tensors, doubles, longs, packed products): each product is a LinearPackedParamsBase again. */
function unpackCell(state: PickleValue): PackedCell | undefined {
  const products = itemsOf(itemsOf(state)[4]).map((product) => scriptObject(product));
  const [ih, hh] = products;
  if (products.length !== 2 || ih?.className !== linearClass || hh?.className !== linearClass) return undefined;
  return { ih: weightAndBias(ih.state, '_ih'), hh: weightAndBias(hh.state, '_hh') };
}

/** What the shapes of a dynamic RNN's cells say of it. */
export interface RecurrentForm {
  readonly mode: 'LSTM' | 'GRU';
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  /** Two cells of equal shapes may be two layers or two directions: the shapes alone do not say. */
  readonly ambiguous: boolean;
}

/**
 * Layers and directions of `weights` (input and hidden weight of every cell, in order): the
 * second layer of a bidirectional module reads both directions, that of another one reads one.
 */
export function recurrentForm(
  weights: readonly { readonly ih: TensorRecord; readonly hh: TensorRecord }[],
  bidirectional: boolean | undefined,
): RecurrentForm | undefined {
  const [first] = weights;
  if (first?.ih.shape.length !== 2 || first.hh.shape.length !== 2) return undefined;
  const hiddenSize = first.hh.shape[1];
  const inputSize = first.ih.shape[1];
  const gates = first.hh.shape[0] / hiddenSize;
  if (gates !== 4 && gates !== 3) return undefined;
  const columns = weights.map(({ ih }) => ih.shape[1]);
  const even = weights.length % 2 === 0;
  const both = bidirectional ?? (even && columns.every((size, i) => size === (i < 2 ? inputSize : 2 * hiddenSize)));
  const ambiguous = bidirectional === undefined && weights.length === 2 && inputSize === hiddenSize;
  const directions = both && !ambiguous && even ? 2 : 1;
  return {
    mode: gates === 4 ? 'LSTM' : 'GRU',
    inputSize,
    hiddenSize,
    numLayers: weights.length / directions,
    bidirectional: directions === 2,
    ambiguous,
  };
}
