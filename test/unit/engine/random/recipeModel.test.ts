import assert from 'node:assert/strict';
import { quantizeWeight } from '../../../../src/engine/quantization/quantizeWeight';
import { recipeModel } from '../../../../src/model/recipe';
import { floatBits, sha256 } from '../../../support/floatBits';

/** The recipe under seed 29592, bit for bit as PyTorch 1.13 and 2.13 generate it. */
describe('the recipe model', () => {
  const { inputs, lstm } = recipeModel();
  const parameter = (name: string) => lstm.parameters.get(name)?.data ?? assert.fail(`no ${name}`);

  const tensors: readonly [name: string, values: Float32Array, bits: string, hash: string][] = [
    [
      'inputs',
      inputs[0].data,
      '3f31ad06 3f0cf3c4 3fc43380 3e9cc2c6',
      '336941d4baf65e77888235141408225697d2c4f383957f87fb5a4c86383a7f14',
    ],
    [
      'h0',
      inputs[1].data,
      '3fa8f808 bf8dd3f0 3dc9ca8c 3f9d1672',
      '6c9585cfebde342238f71f7f198c6d7b52faf4360d66efe2271e85cbe32a7430',
    ],
    [
      'c0',
      inputs[2].data,
      'bf5f5943 3f8eb189 3f593ada becbef78',
      '409706037c12065122d6f448b11bd9cbdd507e5881aa9109b8ae7a5dfaefea94',
    ],
    [
      'weight_ih_l0',
      parameter('weight_ih_l0'),
      '3dee6a41 bd96ddb5 bd56314d 3dc3f2bb',
      '8a031da2f9fd3a45a547f25d574087f8a7c99d026d1f7db3cc9e894caeb0861b',
    ],
    [
      'weight_hh_l0',
      parameter('weight_hh_l0'),
      'be8a92bb 3e895315 ba7ea86a be7edc7a',
      'd42e7947875bba9aa63fb1acc7b8602108bbc900472ee3733d48de2f4620764e',
    ],
    [
      'bias_ih_l0',
      parameter('bias_ih_l0'),
      'be917df4 3e6369fd be00e2e2 3eb208a1',
      'ea45d510ebf7aeba3375526768b4e6549a140e3d048ec62053660653c02c294c',
    ],
    [
      'bias_hh_l0',
      parameter('bias_hh_l0'),
      '3e82e4eb 3e2ebd47 be559ee6 3e87fa83',
      'f3485e741b8854c3353f2e3814b2208cbfdb66b8f86509146d0da23ee9bb676e',
    ],
  ];
  for (const [name, values, bits, hash] of tensors) {
    it(`${name} has PyTorch's bits`, () => {
      assert.deepEqual(floatBits(values.subarray(0, 4)), bits.split(' '));
      assert.equal(sha256(values), hash);
    });
  }

  const codes: readonly [name: string, first: readonly number[], scale: number, bits: string, hash: string][] = [
    [
      'weight_ih_l0',
      [42, -27, -19, 35, 45, -46, 26, -128],
      0.0027726239059120417,
      '3b35b4e9',
      'd00a376506f169688e4d406c0c69f91a2cacdcc9268caaeea45a3e119402ac33',
    ],
    [
      'weight_hh_l0',
      [-98, 97, 0, -90, 21, 121, 103, -33],
      0.002759933704510331,
      '3b34e001',
      'babb7813f02debf875f4d2a5519fae4e6b6ad75da015f0fbf173bbeacf998bd6',
    ],
  ];
  for (const [name, first, scale, bits, hash] of codes) {
    it(`${name} becomes PyTorch's int8 bytes`, () => {
      const weight = quantizeWeight(parameter(name), 32, 8, 'per_tensor');
      assert.equal(weight.scales[0], scale);
      assert.deepEqual(floatBits(weight.scales), [bits]);
      assert.deepEqual([...weight.codes.subarray(0, 8)], first);
      assert.equal(sha256(weight.codes), hash);
    });
  }

  it('keeps its parameters in the order of the state dict', () => {
    assert.deepEqual([...lstm.parameters.keys()], ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0']);
  });
});
