import assert from 'node:assert/strict';
import { modelFrom } from '../../support/models';
import { int, ints, stateDict, tensor, torchFile } from '../../support/pickleBuilder';

describe('tied tensors of PyTorch', () => {
  it('are those that view the same bytes in the same shape', async () => {
    const pickle = stateDict(
      ['again', tensor()],
      ['row', tensor({ size: ints(2), stride: ints(1) })],
      ['second', tensor({ size: ints(2), stride: ints(1), offset: int(2) })],
    );
    const model = await modelFrom(torchFile(pickle), 'a.pt');
    assert.deepEqual(
      [...model.tensors.values()].map(({ name, tiedTo }) => [name, tiedTo]),
      [
        ['w', undefined],
        ['again', 'w'],
        ['row', undefined],
        ['second', undefined],
      ],
    );
  });
});
