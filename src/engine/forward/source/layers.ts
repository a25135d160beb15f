import { unsupported } from '../../../core/errors';
import { PyTuple } from '../values/values';
import { buffer, int, layer, nnClasses, operate, parameter, sizes } from './layer';
import { method, nativeClass } from './moduleClass';

/** The layers of torch.nn that are neither recurrent nor attention. */

layer('Identity', { parameters: 'rest args', forward: (_run, _self, [x]) => x });
for (const name of ['Linear', 'NonDynamicallyQuantizableLinear']) {
  layer(name, {
    parameters: 'int in_features, int out_features, bool bias=True',
    tensors: ({ in_features: i, out_features: o, bias }) => ({
      weight: [int(o), int(i)],
      bias: bias === false ? null : [int(o)],
    }),
    forward: (run, self, [x]) =>
      operate(run, 'torch', 'linear', [x, parameter(self, 'weight'), parameter(self, 'bias')]),
  });
}
layer('Bilinear', {
  parameters: 'int in1_features, int in2_features, int out_features, bool bias=True',
  tensors: ({ in1_features: a, in2_features: b, out_features: o, bias }) => ({
    weight: [int(o), int(a), int(b)],
    bias: bias === false ? null : [int(o)],
  }),
  forward: (run, self, [x, y]) =>
    operate(run, 'torch', 'bilinear', [x, y, parameter(self, 'weight'), parameter(self, 'bias')]),
});
layer('Embedding', {
  parameters:
    'int num_embeddings, int embedding_dim, int? padding_idx=None, float? max_norm=None, float norm_type=2, bool scale_grad_by_freq=False, bool sparse=False',
  tensors: ({ num_embeddings: n, embedding_dim: d }) => ({ weight: [int(n), int(d)] }),
  forward: (run, self, [x]) => operate(run, 'torch', 'embedding', [parameter(self, 'weight'), x]),
});
layer('EmbeddingBag', {
  parameters:
    'int num_embeddings, int embedding_dim, float? max_norm=None, float norm_type=2, bool scale_grad_by_freq=False, str mode="mean", bool sparse=False',
  tensors: ({ num_embeddings: n, embedding_dim: d }) => ({ weight: [int(n), int(d)] }),
  forward: (run, self, [x, offsets], { mode }) =>
    operate(
      run,
      'functional',
      'embedding_bag',
      [x, parameter(self, 'weight'), offsets ?? null],
      new Map([['mode', mode]]),
    ),
});

for (const n of [1, 2, 3]) {
  const shared = 'any stride=1, any padding=0';
  const spatial = { count: n, names: ['kernel_size', 'stride', 'padding', 'dilation', 'output_padding'] };
  layer(`Conv${n}d`, {
    parameters: `int in_channels, int out_channels, any kernel_size, ${shared}, any dilation=1, int groups=1, bool bias=True, str padding_mode="zeros"`,
    tensors: ({ in_channels: i, out_channels: o, kernel_size: k, groups, bias }) => ({
      weight: [int(o), int(i) / int(groups), ...sizes(k, n)],
      bias: bias === false ? null : [int(o)],
    }),
    spatial,
    forward: (run, self, [x], { stride, padding, dilation, groups, padding_mode: mode }) => {
      const [weight, bias] = [parameter(self, 'weight'), parameter(self, 'bias')];
      if (mode === 'zeros')
        return operate(run, 'torch', `conv${n}d`, [x, weight, bias, stride, padding, dilation, groups]);
      const pads = new PyTuple([...sizes(padding, n)].reverse().flatMap((size) => [size, size]));
      const padded = operate(run, 'functional', 'pad', [x, pads, mode]);
      return operate(run, 'torch', `conv${n}d`, [padded, weight, bias, stride, 0, dilation, groups]);
    },
  });
  layer(`ConvTranspose${n}d`, {
    parameters: `int in_channels, int out_channels, any kernel_size, ${shared}, any output_padding=0, int groups=1, bool bias=True, any dilation=1`,
    tensors: ({ in_channels: i, out_channels: o, kernel_size: k, groups, bias }) => ({
      weight: [int(i), int(o) / int(groups), ...sizes(k, n)],
      bias: bias === false ? null : [int(o)],
    }),
    spatial,
    forward: (run, self, [x], { stride, padding, output_padding: extra, groups, dilation }) =>
      operate(run, 'torch', `conv_transpose${n}d`, [
        x,
        parameter(self, 'weight'),
        parameter(self, 'bias'),
        stride,
        padding,
        extra,
        groups,
        dilation,
      ]),
  });
  layer(`BatchNorm${n}d`, {
    parameters:
      'int num_features, float eps=1e-05, float? momentum=0.1, bool affine=True, bool track_running_stats=True',
    tensors: ({ num_features: c, affine, track_running_stats: track }) => ({
      weight: affine === false ? null : [int(c)],
      bias: affine === false ? null : [int(c)],
      ...(track === false
        ? {}
        : { 'buffer:running_mean': [int(c)], 'buffer:running_var': [int(c)], 'buffer:num_batches_tracked': [] }),
    }),
    forward: (run, self, [x], { eps }) => {
      const [mean, variance] = [buffer(self, 'running_mean'), buffer(self, 'running_var')];
      return operate(run, 'torch', 'batch_norm', [
        x,
        parameter(self, 'weight'),
        parameter(self, 'bias'),
        mean,
        variance,
        mean === null,
        0,
        eps,
      ]);
    },
  });
  layer(`InstanceNorm${n}d`, {
    parameters:
      'int num_features, float eps=1e-05, float momentum=0.1, bool affine=False, bool track_running_stats=False',
    tensors: ({ num_features: c, affine, track_running_stats: track }) => ({
      weight: affine === true ? [int(c)] : null,
      bias: affine === true ? [int(c)] : null,
      ...(track === true
        ? { 'buffer:running_mean': [int(c)], 'buffer:running_var': [int(c)], 'buffer:num_batches_tracked': [] }
        : {}),
    }),
    forward: (run, self, [x], { eps }) => {
      const [mean, variance] = [buffer(self, 'running_mean'), buffer(self, 'running_var')];
      return operate(run, 'torch', 'instance_norm', [
        x,
        parameter(self, 'weight'),
        parameter(self, 'bias'),
        mean,
        variance,
        mean === null,
        0,
        eps,
        false,
      ]);
    },
  });
  layer(`MaxPool${n}d`, {
    parameters:
      'any kernel_size, any stride=None, any padding=0, any dilation=1, bool return_indices=False, bool ceil_mode=False',
    forward: (
      run,
      _self,
      [x],
      { kernel_size: k, stride, padding, dilation, return_indices: indices, ceil_mode: ceil },
    ) => operate(run, 'torch', `max_pool${n}d`, [x, k, stride, padding, dilation, ceil, indices]),
  });
  layer(`AvgPool${n}d`, {
    parameters:
      'any kernel_size, any stride=None, any padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None',
    forward: (
      run,
      _self,
      [x],
      { kernel_size: k, stride, padding, ceil_mode: ceil, count_include_pad: include, divisor_override: divisor },
    ) => operate(run, 'torch', `avg_pool${n}d`, [x, k, stride, padding, ceil, include, divisor]),
  });
  for (const kind of ['Avg', 'Max']) {
    layer(`Adaptive${kind}Pool${n}d`, {
      parameters: 'any output_size',
      forward: (run, _self, [x], { output_size: size }) =>
        operate(run, 'functional', `adaptive_${kind.toLowerCase()}_pool${n}d`, [x, size]),
    });
  }
  for (const [kind, mode] of [
    ['Constant', 'constant'],
    ['Zero', 'constant'],
    ['Reflection', 'reflect'],
    ['Replication', 'replicate'],
    ['Circular', 'circular'],
  ] as const) {
    layer(`${kind}Pad${n}d`, {
      parameters: kind === 'Constant' ? 'any padding, float value' : 'any padding',
      forward: (run, _self, [x], { padding, value }) => {
        const pads = new PyTuple(sizes(padding, 2 * n));
        return operate(
          run,
          'functional',
          'pad',
          [x, pads, mode],
          new Map(value === undefined ? [] : [['value', value]]),
        );
      },
    });
  }
  layer(`Dropout${n}d`, { parameters: 'float p=0.5, bool inplace=False', forward: (_run, _self, [x]) => x });
}
for (const name of ['Dropout', 'AlphaDropout', 'FeatureAlphaDropout']) {
  layer(name, { parameters: 'float p=0.5, bool inplace=False', forward: (_run, _self, [x]) => x });
}

layer('LayerNorm', {
  parameters: 'any normalized_shape, float eps=1e-05, bool elementwise_affine=True, bool bias=True',
  tensors: ({ normalized_shape: shape, elementwise_affine: affine, bias }) => ({
    weight: affine === false ? null : sizes(shape, 1),
    bias: affine === false || bias === false ? null : sizes(shape, 1),
  }),
  forward: (run, self, [x], { normalized_shape: shape, eps }) =>
    operate(run, 'torch', 'layer_norm', [
      x,
      new PyTuple(sizes(shape, 1)),
      parameter(self, 'weight'),
      parameter(self, 'bias'),
      eps,
    ]),
});
layer('RMSNorm', {
  parameters: 'any normalized_shape, float? eps=None, bool elementwise_affine=True',
  tensors: ({ normalized_shape: shape, elementwise_affine: affine }) => ({
    weight: affine === false ? null : sizes(shape, 1),
  }),
  forward: (run, self, [x], { normalized_shape: shape, eps }) =>
    operate(run, 'torch', 'rms_norm', [x, new PyTuple(sizes(shape, 1)), parameter(self, 'weight'), eps]),
});
layer('GroupNorm', {
  parameters: 'int num_groups, int num_channels, float eps=1e-05, bool affine=True',
  tensors: ({ num_channels: c, affine }) => ({
    weight: affine === false ? null : [int(c)],
    bias: affine === false ? null : [int(c)],
  }),
  forward: (run, self, [x], { num_groups: groups, eps }) =>
    operate(run, 'torch', 'group_norm', [x, groups, parameter(self, 'weight'), parameter(self, 'bias'), eps]),
});

/** Name, constructor, operator, and which arguments go on to it. */
const functions: readonly (readonly [string, string, string, ...string[]])[] = [
  ['ReLU', 'bool inplace=False', 'relu'],
  ['ReLU6', 'bool inplace=False', 'relu6'],
  ['SiLU', 'bool inplace=False', 'silu'],
  ['Mish', 'bool inplace=False', 'mish'],
  ['SELU', 'bool inplace=False', 'selu'],
  ['Hardswish', 'bool inplace=False', 'hardswish'],
  ['Hardsigmoid', 'bool inplace=False', 'hardsigmoid'],
  ['Tanh', '', 'tanh'],
  ['Sigmoid', '', 'sigmoid'],
  ['LogSigmoid', '', 'log_sigmoid'],
  ['Softsign', '', 'softsign'],
  ['Tanhshrink', '', 'tanhshrink'],
  ['GELU', 'str approximate="none"', 'gelu', 'approximate'],
  ['LeakyReLU', 'float negative_slope=0.01, bool inplace=False', 'leaky_relu', 'negative_slope'],
  ['ELU', 'float alpha=1, bool inplace=False', 'elu', 'alpha'],
  ['CELU', 'float alpha=1, bool inplace=False', 'celu', 'alpha'],
  ['Softplus', 'float beta=1, float threshold=20', 'softplus', 'beta', 'threshold'],
  ['Hardtanh', 'float min_val=-1, float max_val=1, bool inplace=False', 'hardtanh', 'min_val', 'max_val'],
  ['Threshold', 'float threshold, float value, bool inplace=False', 'threshold', 'threshold', 'value'],
  ['Hardshrink', 'float lambd=0.5', 'hardshrink', 'lambd'],
  ['Softshrink', 'float lambd=0.5', 'softshrink', 'lambd'],
  ['GLU', 'int dim=-1', 'glu', 'dim'],
  ['Softmax', 'int? dim=None', 'softmax', 'dim'],
  ['LogSoftmax', 'int? dim=None', 'log_softmax', 'dim'],
  ['Flatten', 'int start_dim=1, int end_dim=-1', 'flatten', 'start_dim', 'end_dim'],
  ['Unflatten', 'int dim, any unflattened_size', 'unflatten', 'dim', 'unflattened_size'],
  [
    'Unfold',
    'any kernel_size, any dilation=1, any padding=0, any stride=1',
    'unfold',
    'kernel_size',
    'dilation',
    'padding',
    'stride',
  ],
  [
    'Fold',
    'any output_size, any kernel_size, any dilation=1, any padding=0, any stride=1',
    'fold',
    'output_size',
    'kernel_size',
    'dilation',
    'padding',
    'stride',
  ],
  ['PixelShuffle', 'int upscale_factor', 'pixel_shuffle', 'upscale_factor'],
  ['PixelUnshuffle', 'int downscale_factor', 'pixel_unshuffle', 'downscale_factor'],
  ['CosineSimilarity', 'int dim=1, float eps=1e-08', 'cosine_similarity', 'dim', 'eps'],
];
for (const [name, parameters, operator, ...passed] of functions) {
  layer(name, {
    parameters,
    forward: (run, _self, args, config) =>
      operate(run, 'functional', operator, [...args, ...passed.map((key) => config[key])]),
  });
}
layer('PReLU', {
  parameters: 'int num_parameters=1, float init=0.25',
  tensors: ({ num_parameters: n }) => ({ weight: [int(n)] }),
  forward: (run, self, [x]) => operate(run, 'torch', 'prelu', [x, parameter(self, 'weight')]),
});
layer('Upsample', {
  parameters:
    'any size=None, any scale_factor=None, str mode="nearest", bool? align_corners=None, bool? recompute_scale_factor=None',
  forward: (
    run,
    _self,
    [x],
    { size, scale_factor: factor, mode, align_corners: align, recompute_scale_factor: again },
  ) => operate(run, 'functional', 'interpolate', [x, size, factor, mode, align, again]),
});

/** Losses are built and never run: the forward of a model needs none. */
for (const name of [
  'CrossEntropyLoss',
  'NLLLoss',
  'MSELoss',
  'L1Loss',
  'BCELoss',
  'BCEWithLogitsLoss',
  'KLDivLoss',
  'SmoothL1Loss',
  'CTCLoss',
  'HuberLoss',
]) {
  const type = nativeClass(name);
  method(type, '__init__', () => null);
  method(type, 'forward', () => {
    throw unsupported('E_PY_UNSUPPORTED', `${name} is a loss: Quantscope runs forward passes, not training.`);
  });
  nnClasses.set(name, type);
}
