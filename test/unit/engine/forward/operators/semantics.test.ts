import assert from 'node:assert/strict';
import { QuantscopeError } from '../../../../../src/core/errors';
import { Budget } from '../../../../../src/engine/forward/interpreter/budget';
import { dense, StridedTensor } from '../../../../../src/engine/forward/values/stridedTensor';
import { PyFloat, PyTuple, type Value } from '../../../../../src/engine/forward/values/values';
import { moduleWith, runSource } from '../../../../support/sources';

/** What a line of Python gives: dtype and values of a tensor, or a plain value. */
function evaluate(code: string): unknown {
  return plain(runSource(moduleWith(code.includes('return') ? code : `return ${code}`)).result);
}

function plain(value: Value): unknown {
  if (value instanceof StridedTensor) return [value.dtype, [...dense(new Budget(), value)]];
  if (value instanceof PyFloat) return value.value;
  return value instanceof PyTuple ? value.items.map(plain) : value;
}

/** Asked of PyTorch 2.13. */
const answers: readonly (readonly [string, unknown])[] = [
  ['torch.tensor([1.0]) + torch.tensor(2.0, dtype=torch.float64)', ['float32', [3]]],
  ['torch.tensor([1]) + 1.5', ['float32', [2.5]]],
  ['torch.tensor([200], dtype=torch.uint8) + 100', ['uint8', [44]]],
  ['torch.tensor([1], dtype=torch.uint8) + torch.tensor([1])', ['int64', [2]]],
  ['torch.tensor([True]) + torch.tensor([True])', ['bool', [1]]],
  ['torch.tensor([True]) + 1', ['int64', [2]]],
  ['torch.tensor([3]) / 2', ['float32', [1.5]]],
  ['torch.tensor([7, -7]) // 2', ['int64', [3, -4]]],
  ['torch.tensor([7, -7]) % 3', ['int64', [1, 2]]],
  ['torch.fmod(torch.tensor([7, -7]), 3)', ['int64', [1, -1]]],
  ['torch.div(torch.tensor([7, -7]), 2, rounding_mode="trunc")', ['int64', [3, -3]]],
  ['torch.tensor([True, True]).sum()', ['int64', [2]]],
  ['torch.tensor([1, 2], dtype=torch.int32).cumsum(0)', ['int64', [1, 3]]],
  ['torch.tensor([3.0, 1.0, 3.0]).argmax()', ['int64', [0]]],
  ['torch.tensor([300.7]).to(torch.uint8)', ['uint8', [44]]],
  ['torch.tensor([-1.7]).long()', ['int64', [-1]]],
  ['torch.tensor([0.5, 1.5, 2.5]).round()', ['float32', [0, 2, 2]]],
  ['len(torch.arange(5).chunk(4))', 3],
  ['torch.zeros(2, 3).squeeze(0).shape[0]', 2],
  ['x[:, None].shape', [2, 1, 3]],
  ['x[..., -1]', ['float32', [3, 6]]],
  ['x[x > 3]', ['float32', [4, 5, 6]]],
  ['x[[0, 1], [2, 0]]', ['float32', [3, 4]]],
  ['7 // 2 + -7 // 2', -1],
  ['-7 % 3', 2],
  ['1 / 2', 0.5],
  ['y = x.view(-1)\ny[0] = 9\nreturn x[0, 0].item()', 9],
  ['y = x.t().reshape(-1)\ny[0] = 9\nreturn x[0, 0].item()', 1],
  ['y = x.flatten()\ny += 1\nreturn x[0, 0].item()', 2],
  ['x[0, 1:] = 5\nreturn x', ['float32', [1, 5, 5, 4, 5, 6]]],
  [
    'F.interpolate(torch.tensor([[[0.0, 8.0, 16.0]]]), scale_factor=1.5, mode="linear", recompute_scale_factor=True)',
    ['float32', [0, 5, 11, 16]],
  ],
  [
    'p = nn.utils.rnn.pack_padded_sequence(torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]]), [2, 1])\nreturn nn.utils.rnn.pad_packed_sequence(p, padding_value=-1.5, total_length=3)[0]',
    ['float32', [1, 2, 3, -1.5, -1.5, -1.5]],
  ],
  ['"%s has %d of %.2f%%" % ("a", 3.7, 99.5)', 'a has 3 of 99.50%'],
  ['"%5.1f|%-5d|%05d|%+d" % (1.26, 7, 42, 5)', '  1.3|7    |00042|+5'],
  ['"%(n)s %(x).1e" % {"n": "b", "x": 12345.0}', 'b 1.2e+04'],
  ['"%s" % 5', '5'],
  [
    'c = nn.Conv2d(1, 2, 3, dilation=2, padding="same")\nreturn c.kernel_size + c.dilation, c.padding',
    [[3, 3, 2, 2], 'same'],
  ],
  ['c = nn.ConvTranspose1d(1, 2, (3,), stride=2)\nreturn c.stride[0], c.output_padding', [2, [0]]],
  [
    'if x is None:\n    try:\n        x = 1\n    except ValueError as error:\n        raise KeyError from error\nreturn x.sum().item()',
    21,
  ],
  ['hasattr(F, "relu") and not hasattr(torch.nn.functional, "no_such_thing")', true],
  ['x.requires_grad = False\nreturn x.requires_grad_(False).sum().item()', 21],
  ['torch.softmax(torch.tensor([float("-inf"), float("-inf")]), 0)', ['float32', [Number.NaN, Number.NaN]]],
  [
    'F.scaled_dot_product_attention(x, x, x, attn_mask=torch.zeros(2, 2, dtype=torch.bool))',
    ['float32', [0, 0, 0, 0, 0, 0]],
  ],
];

/** What PyTorch refuses. */
const refusals: readonly string[] = [
  'torch.tensor([True]) - torch.tensor([True])',
  '-torch.tensor([True])',
  'torch.tensor([2]) ** -1',
  'y = torch.tensor([1])\ny += 1.5\nreturn y',
  'x[::-1]',
  'x.t().view(-1)',
  'y = torch.zeros(1).expand(3)\ny += 1\nreturn y',
  'F.embedding(torch.tensor([-1]), x)',
  'F.embedding(torch.tensor([0.5]), x)',
  'F.linear(x, x.double())',
  'torch.tensor([1, 2]).mean()',
  'torch.zeros(0).max()',
  'p = nn.utils.rnn.pack_padded_sequence(torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]]), [2, 1])\nreturn nn.utils.rnn.pad_packed_sequence(p, total_length=1)',
  'nn.utils.rnn.pad_packed_sequence(x)',
  'torch.eye(2).norm("nuc")',
  'F.interpolate(torch.zeros(1, 1, 4), size=2, mode="linear", recompute_scale_factor=True)',
  'F.conv1d(torch.zeros(1, 1, 4), torch.zeros(1, 1, 3), stride=2, padding="same")',
  'F.conv1d(torch.zeros(1, 1, 4), torch.zeros(1, 1, 3), padding=-1)',
  'F.conv1d(torch.zeros(1, 1, 4), torch.zeros(1, 1, 3), torch.zeros(2))',
  'F.conv_transpose1d(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1), padding=3)',
  'F.conv_transpose1d(torch.zeros(1, 1, 4), torch.zeros(1, 1, 3), output_padding=1)',
  'F.conv_transpose1d(torch.zeros(1, 1, 4).double(), torch.zeros(1, 1, 1))',
  'F.conv_transpose2d(torch.zeros(1, 1), torch.zeros(1, 1, 2, 2))',
  'F.layer_norm(x, [2])',
  'F.layer_norm(x, [3], torch.ones(2000))',
  'F.layer_norm(x, [3], None, torch.ones(1, 3))',
  'F.rms_norm(x, [2])',
  'F.rms_norm(x, [0])',
  'F.rms_norm(x, [3], torch.ones(2000))',
  'torch.bincount(torch.tensor([1.5]))',
  'torch.bincount(torch.tensor([[1]]))',
  'torch.bincount(torch.tensor([1, 2]), weights=torch.ones(3))',
  'torch.repeat_interleave(torch.tensor([1.5]))',
  'torch.repeat_interleave(torch.tensor([[1]]))',
];

describe('the semantics of PyTorch’s operators', () => {
  for (const [code, expected] of answers) it(code, () => assert.deepEqual(evaluate(code), expected));
  for (const code of refusals) {
    it(`${code} is refused`, () => {
      assert.throws(() => evaluate(code), QuantscopeError);
    });
  }

  it('an unknown operator names itself, its place and the nearest that is there', () => {
    assert.throws(
      () => runSource(moduleWith('return torch.sofmax(x, 0)')),
      (error: QuantscopeError) =>
        error.code === 'E_OPERATOR' &&
        /softmax/.test(error.details.hint ?? '') &&
        error.details.where?.field === 'line 10',
    );
  });
});
