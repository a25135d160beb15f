import { unsupported } from '../../core/errors';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import { ModuleHolder, Sequential } from './containers';
import { FunctionModule } from './functionModule';
import { floatInput } from './inputs';
import { child, floatModule, type Maker, type Makers } from './parts';
import { constantPad, flatten, nearest, pixelShuffle, unflatten } from './shapes';
import { axisOf } from './softmax';

/** Dropout in evaluation, Identity: the value itself, of any dtype. */
const identity: Maker = () => new FunctionModule(([x]) => x ?? floatInput(x));

const flattenMaker: Maker = ({ attributes }) => {
  const [start, end] = [attributes.number('start_dim', 1), attributes.number('end_dim', -1)];
  return new FunctionModule(([x]) => flatten(x ?? floatInput(x), start, end));
};

const unflattenMaker: Maker = ({ attributes }) => {
  const [dim, sizes] = [attributes.number('dim'), attributes.list('unflattened_size')];
  return new FunctionModule(([x]) => unflatten(x ?? floatInput(x), dim, sizes));
};

const pixelShuffleMaker: Maker = ({ attributes }) => {
  const factor = attributes.size('upscale_factor');
  return floatModule((x) => pixelShuffle(x, factor));
};

const padMaker =
  (dimensions: number, given?: number): Maker =>
  ({ attributes }) => {
    const padding = attributes.sizes('padding', 2 * dimensions);
    const value = given ?? attributes.number('value', 0);
    return floatModule((x) => constantPad(x, padding, value));
  };

const upsampleMaker: Maker = ({ attributes }) => {
  const mode = attributes.text('mode', 'nearest');
  if (mode !== 'nearest') throw unsupported('E_NO_FORWARD', `Upsample in mode ${mode} is not there yet; nearest is.`);
  const size = attributes.values.get('size') ?? null;
  const scale = attributes.values.get('scale_factor') ?? null;
  return floatModule((x) => {
    const old = x.shape.slice(2);
    const factors = Array.isArray(scale) ? scale.map(Number) : old.map(() => Number(scale));
    return nearest(
      x,
      size === null ? old.map((n, d) => Math.floor(n * factors[d])) : attributes.sizes('size', old.length),
    );
  });
};

/** torch.nn.CosineSimilarity: `x·y / max(‖x‖ ‖y‖, eps)` along one dimension. */
const cosineMaker: Maker = ({ attributes }) => {
  const [dim, eps] = [attributes.number('dim', 1), attributes.number('eps', 1e-8)];
  return new FunctionModule(([first, second]) =>
    cosineSimilarity(floatInput(first, 'x1'), floatInput(second, 'x2'), dim, eps),
  );
};

function cosineSimilarity(x: FloatTensor, y: FloatTensor, dim: number, eps: number): FloatTensor {
  if (x.shape.join() !== y.shape.join())
    throw unsupported('E_SHAPE', 'CosineSimilarity of different shapes is not there yet.');
  const { outer, size, inner } = axisOf(x.shape, dim);
  const out = new Float32Array(outer * inner);
  for (let i = 0; i < out.length; i++) {
    const start = Math.floor(i / inner) * size * inner + (i % inner);
    let [dot, xx, yy] = [0, 0, 0];
    for (let k = 0; k < size; k++) {
      const [a, b] = [x.data[start + k * inner], y.data[start + k * inner]];
      dot += a * b;
      xx += a * a;
      yy += b * b;
    }
    out[i] = dot / (Math.max(Math.sqrt(xx), eps) * Math.max(Math.sqrt(yy), eps));
  }
  const at = dim < 0 ? dim + x.shape.length : dim;
  return floatTensor(
    out,
    x.shape.filter((_, d) => d !== at),
  );
}

export const shapeMakers: Makers = [
  ...['Dropout', 'Dropout1d', 'Dropout2d', 'Dropout3d', 'AlphaDropout', 'FeatureAlphaDropout', 'Identity'].map(
    (type) => [type, identity] as const,
  ),
  ['Flatten', flattenMaker],
  ['Unflatten', unflattenMaker],
  ['PixelShuffle', pixelShuffleMaker],
  ['Upsample', upsampleMaker],
  ['UpsamplingNearest2d', upsampleMaker],
  ['CosineSimilarity', cosineMaker],
  ...[1, 2, 3].flatMap((n) => [[`ZeroPad${n}d`, padMaker(n, 0)] as const, [`ConstantPad${n}d`, padMaker(n)] as const]),
];

export const containerMakers: Makers = [
  ['Sequential', (parts) => new Sequential([...parts.children.keys()].map((name) => child(parts, name)))],
  ['ModuleList', ({ children }) => new ModuleHolder([...children.values()], 'ModuleList')],
  ['ModuleDict', ({ children }) => new ModuleHolder([...children.values()], 'ModuleDict')],
];
