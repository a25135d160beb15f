import { unsupported } from '../../../core/errors';
import { construct } from '../interpreter/call';
import { multiheadForward } from '../operators/attention';
import { squeeze, transpose, unsqueeze } from '../operators/shape';
import type { StridedTensor } from '../values/stridedTensor';
import { type Callable, type PyClass, type PyObject, PyTuple, type Value } from '../values/values';
import { int, layer, nnClasses, parameter } from './layer';
import { method, stateOf } from './moduleClass';

/** torch.nn.MultiheadAttention, by its own formula and not by the fused path. */

const names = [
  'query',
  'key',
  'value',
  'key_padding_mask',
  'need_weights',
  'attn_mask',
  'average_attn_weights',
  'is_causal',
];

const attention = layer('MultiheadAttention', {
  parameters:
    'int embed_dim, int num_heads, float dropout=0, bool bias=True, bool add_bias_kv=False, bool add_zero_attn=False, int? kdim=None, int? vdim=None, bool batch_first=False',
  tensors: ({ embed_dim: e, bias, kdim, vdim }) => {
    const embed = int(e);
    const [k, v] = [kdim, vdim].map((size) => (size === null ? embed : int(size)));
    const separate = { q_proj_weight: [embed, embed], k_proj_weight: [embed, k], v_proj_weight: [embed, v] };
    return {
      ...(k === embed && v === embed ? { in_proj_weight: [3 * embed, embed] } : separate),
      in_proj_bias: bias === false ? null : [3 * embed],
    };
  },
  forward: (run, self, args, config, keywords) => {
    const of = (name: string): Value => args[names.indexOf(name)] ?? keywords.get(name) ?? null;
    if (config.add_bias_kv === true || config.add_zero_attn === true) {
      throw unsupported('E_PY_UNSUPPORTED', 'MultiheadAttention with add_bias_kv or add_zero_attn is not supported.');
    }
    const query = of('query') as StridedTensor;
    const single = query.rank === 2;
    const turned = config.batch_first === true && !single;
    const turn = (value: Value) => {
      const x = value as StridedTensor;
      return single ? unsqueeze(x, 1) : turned ? transpose(x, 0, 1) : x;
    };
    const out = stateOf(self).modules.get('out_proj') as PyObject;
    const tensor = (name: string) => parameter(self, name) as StridedTensor | null;
    const [attended, weights] = multiheadForward(run, {
      query: turn(query),
      key: turn(of('key')),
      value: turn(of('value')),
      heads: int(config.num_heads),
      inWeight: tensor('in_proj_weight'),
      separate: [tensor('q_proj_weight'), tensor('k_proj_weight'), tensor('v_proj_weight')],
      inBias: tensor('in_proj_bias'),
      outWeight: parameter(out, 'weight') as StridedTensor,
      outBias: parameter(out, 'bias') as StridedTensor | null,
      keyPadding: of('key_padding_mask') as StridedTensor | null,
      mask: of('attn_mask') as StridedTensor | null,
      needWeights: of('need_weights') !== false,
      average: of('average_attn_weights') !== false,
    }).items;
    const back = attended as StridedTensor;
    return new PyTuple([
      single ? squeeze(back, [1]) : turned ? transpose(back, 0, 1) : back,
      single && weights !== null ? squeeze(weights as StridedTensor, [0]) : weights,
    ]);
  },
});

const own = attention.members.get('__init__')?.value as Callable;
method(attention, '__init__', (run, self, args, keywords) => {
  own.call(run, [self, ...args], keywords);
  const embed = self.attributes.get('embed_dim') ?? null;
  const type = nnClasses.get('NonDynamicallyQuantizableLinear') as PyClass;
  const out = construct(run, type, [embed, embed, self.attributes.get('bias') ?? true], new Map());
  stateOf(self).modules.set('out_proj', out as PyObject);
  return null;
});
