import { type FloatTensor, floatTensor, type Tensor } from '../tensor/tensor';
import type { Elementwise } from './elementwise';
import { mapValues } from './elementwise';
import type { ForwardContext } from './forwardContext';
import { FunctionModule } from './functionModule';
import { floatInput } from './inputs';
import type { RunnableModule } from './module';

/** The layers of torch.nn.Transformer, from their children: quantized children work as float ones do. */

/** A child by name; the maker throws for one that is missing. */
export type Child = (name: string) => RunnableModule;

export interface LayerOptions {
  readonly normFirst: boolean;
  readonly activation: Elementwise | RunnableModule;
}

/** torch.nn.TransformerEncoderLayer: src, src_mask, src_key_padding_mask. */
export function encoderLayer(child: Child, { normFirst, activation }: LayerOptions): RunnableModule {
  const [attention, linear1, linear2, norm1, norm2] = ['self_attn', 'linear1', 'linear2', 'norm1', 'norm2'].map(child);
  return new FunctionModule(([src, mask, padding], context) => {
    const attend = (x: FloatTensor) => run(attention, [x, x, x, padding, mask], context);
    const feed = (x: FloatTensor) => feedForward(x, linear1, linear2, activation, context);
    const x = floatInput(src, 'src');
    return normFirst
      ? chain(x, [(y) => attend(run(norm1, [y], context)), (y) => feed(run(norm2, [y], context))])
      : run(norm2, [residual(run(norm1, [residual(x, attend)], context), feed)], context);
  });
}

/** torch.nn.TransformerDecoderLayer: tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask. */
export function decoderLayer(child: Child, { normFirst, activation }: LayerOptions): RunnableModule {
  const [own, cross, linear1, linear2] = ['self_attn', 'multihead_attn', 'linear1', 'linear2'].map(child);
  const norms = ['norm1', 'norm2', 'norm3'].map(child);
  return new FunctionModule(([tgt, memory, ownMask, crossMask, ownPadding, crossPadding], context) => {
    const parts = [
      (x: FloatTensor) => run(own, [x, x, x, ownPadding, ownMask], context),
      (x: FloatTensor) => run(cross, [x, memory, memory, crossPadding, crossMask], context),
      (x: FloatTensor) => feedForward(x, linear1, linear2, activation, context),
    ];
    const norm = (i: number) => (x: FloatTensor) => run(norms[i], [x], context);
    let x = floatInput(tgt, 'tgt');
    for (const [i, part] of parts.entries()) {
      x = normFirst ? residual(x, (y) => part(norm(i)(y))) : norm(i)(residual(x, part));
    }
    return x;
  });
}

/** torch.nn.TransformerEncoder and TransformerDecoder: the layers in turn with the same masks, then the norm. */
export function stack(
  layers: readonly RunnableModule[],
  norm: RunnableModule | undefined,
  decoder: boolean,
): RunnableModule {
  return new FunctionModule(([first, ...rest], context) => {
    let x = floatInput(first, decoder ? 'tgt' : 'src');
    for (const layer of layers) x = run(layer, [x, ...rest], context);
    return norm === undefined ? x : run(norm, [x], context);
  });
}

/**
 * torch.nn.Transformer: src, tgt, src_mask, tgt_mask, memory_mask, src_key_padding_mask,
 * tgt_key_padding_mask, memory_key_padding_mask.
 */
export function transformer(encoder: RunnableModule, decoder: RunnableModule): RunnableModule {
  return new FunctionModule(
    ([src, tgt, srcMask, tgtMask, memoryMask, srcPadding, tgtPadding, memoryPadding], context) => {
      const memory = run(encoder, [src, srcMask, srcPadding], context);
      return run(decoder, [tgt, memory, tgtMask, memoryMask, tgtPadding, memoryPadding], context);
    },
  );
}

function run(module: RunnableModule, inputs: readonly (Tensor | undefined)[], context: ForwardContext): FloatTensor {
  context.abort.throwIfAborted();
  return floatInput(module.forward(inputs, context)[0]);
}

function feedForward(
  x: FloatTensor,
  linear1: RunnableModule,
  linear2: RunnableModule,
  activation: LayerOptions['activation'],
  context: ForwardContext,
): FloatTensor {
  const hidden = run(linear1, [x], context);
  const active =
    typeof activation === 'function'
      ? mapValues(hidden, activation, context.kernels)
      : run(activation, [hidden], context);
  return run(linear2, [active], context);
}

function chain(x: FloatTensor, parts: readonly ((x: FloatTensor) => FloatTensor)[]): FloatTensor {
  return parts.reduce(residual, x);
}

function residual(x: FloatTensor, part: (x: FloatTensor) => FloatTensor): FloatTensor {
  const added = part(x).data;
  const sum = new Float32Array(added.length);
  for (let i = 0; i < sum.length; i++) sum[i] = x.data[i] + added[i];
  return floatTensor(sum, x.shape);
}
