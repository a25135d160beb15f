import { batchNorm, groupNorm, layerNorm, rmsNorm } from './norms';
import { floatModule, type Maker, type Makers, type Parts } from './parts';

function affineOf({ parameters }: Parts) {
  return { weight: parameters.get('weight'), bias: parameters.get('bias') };
}

function normalizedShape({ attributes, parameters }: Parts): readonly number[] {
  return attributes.list('normalized_shape', parameters.get('weight')?.shape ?? []);
}

const layerNormMaker: Maker = (parts) => {
  const shape = normalizedShape(parts);
  const eps = parts.attributes.number('eps', 1e-5);
  return floatModule((x, { kernels }) => layerNorm(x, shape, affineOf(parts), eps, kernels));
};

const rmsNormMaker: Maker = (parts) => {
  const shape = normalizedShape(parts);
  const eps = parts.attributes.optionalNumber('eps');
  return floatModule((x, { kernels }) => rmsNorm(x, shape, parts.parameters.get('weight'), eps, kernels));
};

const batchNormMaker: Maker = (parts) => {
  const { attributes, parameters } = parts;
  const mean = parameters.get('running_mean');
  const variance = parameters.get('running_var');
  const channels = attributes.size('num_features', mean?.data.length ?? parameters.get('weight')?.data.length);
  const statistics = mean && variance && { mean: mean.data, variance: variance.data };
  const eps = attributes.number('eps', 1e-5);
  return floatModule((x) => batchNorm(x, channels, statistics, affineOf(parts), eps));
};

const groupNormMaker: Maker = (parts) => {
  const { attributes, parameters } = parts;
  const channels = attributes.size('num_channels', parameters.get('weight')?.data.length);
  const groups = attributes.size('num_groups');
  const eps = attributes.number('eps', 1e-5);
  return floatModule((x) => groupNorm(x, channels, groups, affineOf(parts), eps));
};

/** Normalizes each sample by itself unless it tracked statistics, which only BatchNorm's arithmetic needs. */
const instanceNormMaker: Maker = (parts) => {
  if (parts.parameters.has('running_mean')) return batchNormMaker(parts);
  const channels = parts.attributes.size('num_features', parts.parameters.get('weight')?.data.length);
  const eps = parts.attributes.number('eps', 1e-5);
  return floatModule((x) => groupNorm(x, channels, channels, affineOf(parts), eps));
};

export const normMakers: Makers = [
  ['LayerNorm', layerNormMaker],
  ['RMSNorm', rmsNormMaker],
  ['GroupNorm', groupNormMaker],
  ...['BatchNorm1d', 'BatchNorm2d', 'BatchNorm3d'].map((type) => [type, batchNormMaker] as const),
  ...['InstanceNorm1d', 'InstanceNorm2d', 'InstanceNorm3d'].map((type) => [type, instanceNormMaker] as const),
];
