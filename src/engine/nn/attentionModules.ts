import { unsupported } from '../../core/errors';
import { MultiheadAttention } from './attention';
import { ModuleHolder } from './containers';
import { gelu, relu } from './elementwise';
import type { RunnableModule } from './module';
import { child, type Maker, type Makers, type Parts } from './parts';
import { decoderLayer, encoderLayer, type LayerOptions, stack, transformer } from './transformer';

const attention: Maker = (parts) => {
  const { attributes, parameters } = parts;
  const outProj = child(parts, 'out_proj');
  const embedDim = attributes.size(
    'embed_dim',
    parameters.get('in_proj_weight')?.shape[1] ?? parameters.get('q_proj_weight')?.shape[0],
  );
  return new MultiheadAttention(
    {
      embedDim,
      heads: attributes.size('num_heads'),
      batchFirst: attributes.flag('batch_first', false),
      addZeroAttention: attributes.flag('add_zero_attn', false),
    },
    parameters,
    outProj,
  );
};

function layerOptions({ attributes, children }: Parts): LayerOptions {
  return {
    normFirst: attributes.flag('norm_first', false),
    activation: children.get('activation') ?? activationOf({ attributes }),
  };
}

/** The layer keeps a function, of which a file has the name; newer ones also keep 1 for relu and 2 for gelu. */
function activationOf({ attributes }: Pick<Parts, 'attributes'>) {
  const code = attributes.optionalNumber('activation_relu_or_gelu');
  const name = attributes
    .text('activation', code === 2 ? 'gelu' : 'relu')
    .split('.')
    .at(-1);
  if (name === 'relu') return relu;
  if (name === 'gelu') return gelu;
  throw unsupported('E_NO_FORWARD', `The activation ${name} of this transformer layer is not known.`);
}

const stackMaker =
  (decoder: boolean): Maker =>
  (parts) => {
    const layers = child(parts, 'layers');
    return stack(layersOf(layers), parts.children.get('norm'), decoder);
  };

function layersOf(list: RunnableModule): readonly RunnableModule[] {
  return list instanceof ModuleHolder ? list.modules : [];
}

export const attentionMakers: Makers = [
  ['MultiheadAttention', attention],
  ['TransformerEncoderLayer', (parts) => encoderLayer((name) => child(parts, name), layerOptions(parts))],
  ['TransformerDecoderLayer', (parts) => decoderLayer((name) => child(parts, name), layerOptions(parts))],
  ['TransformerEncoder', stackMaker(false)],
  ['TransformerDecoder', stackMaker(true)],
  ['Transformer', (parts) => transformer(child(parts, 'encoder'), child(parts, 'decoder'))],
];
