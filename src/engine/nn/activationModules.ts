import { type FloatTensor, floatTensor } from '../tensor/tensor';
import type { Attributes } from './attributes';
import * as elementwise from './elementwise';
import { mapValues } from './elementwise';
import { floatModule, type Maker, type Makers, parameter } from './parts';
import { axisOf, glu, implicitDimension, softmax } from './softmax';

const each =
  (make: (attributes: Attributes) => elementwise.Elementwise): Maker =>
  ({ attributes }) => {
    const apply = make(attributes);
    return floatModule((x, { kernels }) => mapValues(x, apply, kernels));
  };

const plain = (apply: elementwise.Elementwise): Maker => each(() => apply);

const softmaxMaker =
  (kind: 'softmax' | 'log' | 'min'): Maker =>
  ({ attributes }) => {
    const dim = attributes.optionalNumber('dim');
    return floatModule((x, { kernels }) => softmax(x, dim ?? implicitDimension(x.shape.length), kind, kernels));
  };

/** One slope, or one a channel of dimension 1. */
const prelu: Maker = (parts) => {
  const { data } = parameter(parts, 'weight', 1);
  return floatModule((x) => channelSlopes(x, data));
};

function channelSlopes(x: FloatTensor, slopes: Float32Array): FloatTensor {
  const { size, inner } = axisOf(x.shape, x.shape.length > 1 ? 1 : 0);
  const slopeOf = (i: number) => slopes[slopes.length === 1 ? 0 : Math.floor(i / inner) % size];
  return floatTensor(
    x.data.map((value, i) => (value >= 0 ? value : value * slopeOf(i))),
    x.shape,
  );
}

export const activationMakers: Makers = [
  ['ReLU', plain(elementwise.relu)],
  ['ReLU6', plain(elementwise.relu6)],
  ['SiLU', plain(elementwise.silu)],
  ['Mish', plain(elementwise.mish)],
  ['Tanh', plain(elementwise.tanh)],
  ['Sigmoid', plain(elementwise.sigmoid)],
  ['Hardswish', plain(elementwise.hardswish)],
  ['Hardsigmoid', plain(elementwise.hardsigmoid)],
  ['LogSigmoid', plain(elementwise.logSigmoid)],
  ['Softsign', plain(elementwise.softsign)],
  ['Tanhshrink', plain(elementwise.tanhshrink)],
  ['SELU', plain(elementwise.selu)],
  ['GELU', each((a) => (a.text('approximate', 'none') === 'tanh' ? elementwise.geluTanh : elementwise.gelu))],
  ['LeakyReLU', each((a) => elementwise.leakyRelu(a.number('negative_slope', 0.01)))],
  ['ELU', each((a) => elementwise.elu(a.number('alpha', 1)))],
  ['CELU', each((a) => elementwise.celu(a.number('alpha', 1)))],
  ['Softplus', each((a) => elementwise.softplus(a.number('beta', 1), a.number('threshold', 20)))],
  ['Hardtanh', each((a) => elementwise.hardtanh(a.number('min_val', -1), a.number('max_val', 1)))],
  ['Hardshrink', each((a) => elementwise.hardshrink(a.number('lambd', 0.5)))],
  ['Softshrink', each((a) => elementwise.softshrink(a.number('lambd', 0.5)))],
  ['Threshold', each((a) => elementwise.threshold(a.number('threshold'), a.number('value')))],
  ['Softmax', softmaxMaker('softmax')],
  ['LogSoftmax', softmaxMaker('log')],
  ['Softmin', softmaxMaker('min')],
  ['PReLU', prelu],
  [
    'GLU',
    ({ attributes }) => {
      const dim = attributes.number('dim', -1);
      return floatModule((x) => glu(x, dim));
    },
  ],
];
