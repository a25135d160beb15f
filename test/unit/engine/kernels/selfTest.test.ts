import assert from 'node:assert/strict';
import { fourForm, pairForm } from '../../../../src/engine/kernels/wasm/selfTest';
import type { KernelExports } from '../../../../src/engine/kernels/wasm/webAssembly';

/** A machine by its counts of wrong results; what is not named is right. */
function machine(counts: Partial<Pick<KernelExports, 'wrongPairs' | 'wrongFours' | 'wrongFused'>>): KernelExports {
  const right = () => 0;
  return { wrongPairs: right, wrongFours: right, wrongFused: right, ...counts } as KernelExports;
}

/** Right until V8 puts other code in its place. */
function rightFor(looks: number): () => number {
  let count = 0;
  return () => (++count > looks ? 1 : 0);
}

describe('the look at relaxed instructions before kernels use them', () => {
  it('the dot product of four takes weights as the machine does: unsigned, signed, or signed for codes of seven bits', () => {
    const takes = (signed: boolean, bits: number) => ({
      wrongFours: (unsigned: number, most: number) => (signed === (unsigned === 0) && most <= 2 ** (bits - 1) ? 0 : 1),
    });
    assert.deepEqual(fourForm(machine(takes(false, 8))), { weights: 1, allBits: true });
    assert.deepEqual(fourForm(machine(takes(true, 8))), { weights: 2, allBits: true });
    assert.deepEqual(fourForm(machine(takes(true, 7))), { weights: 2, allBits: false });
    assert.equal(fourForm(machine({ wrongFours: () => 1 })), undefined);
  });

  it('a machine that is right at first and wrong once its code is optimized has none of them', () => {
    assert.equal(fourForm(machine({ wrongFours: rightFor(8) })), undefined);
    assert.equal(pairForm(machine({ wrongPairs: rightFor(8) })), undefined);
  });

  it('a multiply-add that rounds twice rules both out', () => {
    assert.equal(fourForm(machine({ wrongFused: () => 1 })), undefined);
    assert.equal(pairForm(machine({ wrongFused: () => 1 })), undefined);
  });
});
