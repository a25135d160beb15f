import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { referenceKernels } from '../../src/engine/kernels/reference/referenceKernels';
import { wordForm } from '../../src/engine/kernels/wasm/selfTest';
import { WasmHeap } from '../../src/engine/kernels/wasm/wasmHeap';
import { WasmKernels } from '../../src/engine/kernels/wasm/wasmKernels';
import { type KernelExports, webAssembly } from '../../src/engine/kernels/wasm/webAssembly';
import { Linear } from '../../src/engine/nn/linear';
import { Recurrent } from '../../src/engine/nn/recurrent';
import { Generator } from '../../src/engine/random/generator';
import { initLinear, initRecurrent } from '../../src/engine/random/initialize';
import type { FloatTensor } from '../../src/engine/tensor/tensor';
import { assertSameBits } from '../support/floatBits';
import { binaries } from '../support/kernels';

/** Kernels that get no more than so many pages of 64 KB. */
function kernelsWithin(pages: number): WasmKernels {
  assert.ok(webAssembly !== undefined && binaries.simd !== undefined);
  const memory = new webAssembly.Memory({ initial: 16, maximum: pages });
  const module = new webAssembly.Module(binaries.simd);
  const exports = new webAssembly.Instance(module, { env: { memory } }).exports as KernelExports;
  return new WasmKernels('small', exports, new WasmHeap(memory, exports.heapBase()), wordForm);
}

/** Streams and their counters take 17 pages. */
const pages = 48;

describe('kernels whose memory holds the weights or the activations, but not both, have the bits of the reference', () => {
  const generator = new Generator(11);
  const parameters = initLinear(generator, 1024, 512, true);
  const linear = new Linear(parameters.get('weight') as FloatTensor, parameters.get('bias'));
  const narrow = initLinear(generator, 512, 512, true);
  const float = new Linear(narrow.get('weight') as FloatTensor, narrow.get('bias'));
  const shape = { inputSize: 64, hiddenSize: 128, numLayers: 1, projSize: 0, bias: true, bidirectional: false };
  const lstm = new Recurrent('LSTM', shape, initRecurrent(generator, 'LSTM', shape));
  const cases = [
    ['int8 Linear', linear.toDynamic('', 'fbgemm', 'per_tensor'), [250, 1024]],
    ['float Linear', float, [320, 512]],
    ['int8 LSTM', lstm.toDynamic('', 'fbgemm', 'per_tensor'), [700, 1, 64]],
  ] as const;
  for (const [name, module, inputShape] of cases) {
    it(name, () => {
      const kernels = kernelsWithin(pages);
      const x = generator.randn([...inputShape]);
      const expected = module.forward([x], { kernels: referenceKernels, abort: neverAborted });
      for (const input of ['the first call', 'the next'])
        for (const [i, { data }] of module.forward([x], { kernels, abort: neverAborted }).entries())
          assertSameBits(data, expected[i].data, `output ${i} of ${input}`);
    });
  }
});
