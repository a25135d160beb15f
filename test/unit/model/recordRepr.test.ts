import assert from 'node:assert/strict';
import type { PlainValue } from '../../../src/formats/types';
import { recordRepr } from '../../../src/model/recordRepr';

type Attributes = Readonly<Record<string, PlainValue>>;

/** A module of torch.nn.modules as its pickle holds it, printed as one PyTorch does. */
function print(type: string, attributes: Attributes, torch: '1.13' | '2', parameters: readonly string[] = []) {
  const record = { className: `torch.nn.modules.any.${type}`, attributes, children: [] };
  return recordRepr(record, type, { parameters: new Set(parameters), qscheme: undefined, torch });
}

const norm = { num_features: 3, eps: 1e-5, momentum: 0.1, affine: false, track_running_stats: false };
const group = { num_groups: 2, num_channels: 6, eps: 1e-5, affine: true };
const same = {
  in_channels: 4,
  out_channels: 4,
  kernel_size: [3, 3],
  stride: [1, 1],
  padding: 'same',
  dilation: [1, 1],
};

describe('the printed line of a module that the file describes', () => {
  const cases: readonly [type: string, attributes: Attributes, old: string, current: string][] = [
    [
      'InstanceNorm1d',
      norm,
      'InstanceNorm1d(3, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)',
      'InstanceNorm1d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)',
    ],
    [
      'GroupNorm',
      group,
      'GroupNorm(2, 6, eps=1e-05, affine=True)',
      'GroupNorm(2, 6, eps=1e-05, affine=True, bias=False)',
    ],
    [
      'Upsample',
      { size: null, scale_factor: 2, mode: 'nearest' },
      'Upsample(scale_factor=2.0, mode=nearest)',
      "Upsample(scale_factor=2.0, mode='nearest')",
    ],
  ];
  for (const [type, attributes, old, current] of cases) {
    it(`${type}, which 1.13 and 2.x print differently`, () => {
      assert.equal(print(type, attributes, '1.13'), old);
      assert.equal(print(type, attributes, '2'), current);
    });
  }

  const alike: readonly [type: string, attributes: Attributes, line: string][] = [
    [
      'Conv2d',
      { ...same, groups: 1, padding_mode: 'reflect' },
      'Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1), padding=same, padding_mode=reflect)',
    ],
    [
      'AvgPool1d',
      { kernel_size: [3], stride: [2], padding: [0] },
      'AvgPool1d(kernel_size=(3,), stride=(2,), padding=(0,))',
    ],
    ['CELU', { alpha: 0.5, inplace: true }, 'CELU(alpha=0.5, inplace=True)'],
    ['Threshold', { threshold: 0.1, value: 20, inplace: false }, 'Threshold(threshold=0.1, value=20)'],
    ['GLU', { dim: -1 }, 'GLU(dim=-1)'],
    ['Hardshrink', { lambd: 1 }, 'Hardshrink(1.0)'],
    ['Hardswish', {}, 'Hardswish()'],
  ];
  for (const [type, attributes, line] of alike) {
    it(line, () => assert.equal(print(type, attributes, '2', ['bias']), line));
  }

  it('nothing for a class of the same name that is not PyTorch’s, and where an attribute is missing', () => {
    const context = { parameters: new Set<string>(), qscheme: undefined, torch: '2' } as const;
    assert.equal(
      recordRepr({ className: 'mine.GLU', attributes: { dim: 1 }, children: [] }, 'GLU', context),
      undefined,
    );
    assert.equal(print('GLU', {}, '2'), undefined);
  });
});
