import { fma32 } from '../../core/fma';
import { numel } from '../../core/shape';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import { Mt19937 } from './mt19937';
import { normalBlock } from './normalBlock';

const blockSize = 16;

/**
 * PyTorch's CPU generator: the same seed gives the same bits as torch.manual_seed does with
 * PyTorch's AVX2 kernels (aten/src/ATen/native/cpu/DistributionTemplates.h).
 */
export class Generator {
  private engine = new Mt19937(5489);
  private cachedNormal: number | undefined;

  constructor(seed?: number | bigint) {
    if (seed !== undefined) this.manualSeed(seed);
  }

  /** Restarts the stream. Only the low 32 bits of the seed matter; negative seeds wrap at 2^64. */
  manualSeed(seed: number | bigint): this {
    this.engine = new Mt19937(Number(BigInt.asUintN(32, BigInt(seed))));
    this.cachedNormal = undefined;
    return this;
  }

  /** 32 random bits. */
  random(): number {
    return this.engine.random();
  }

  /** float32 in [0, 1): 24 bits. */
  private uniform32(): number {
    return (this.random() & 0xffffff) * 2 ** -24;
  }

  /** double in [0, 1): 53 bits, the first word being the high one. */
  private uniform64(): number {
    const high = this.random() & 0x1fffff;
    return (high * 2 ** 32 + this.random()) * 2 ** -53;
  }

  /** torch.rand: uniform in [0, 1). */
  rand(shape: readonly number[]): FloatTensor {
    return this.uniform(shape, 0, 1);
  }

  /** Tensor.uniform_(from, to): `fma(u, to − from, from)` in memory order. */
  uniform(shape: readonly number[], from: number, to: number): FloatTensor {
    const low = Math.fround(from);
    const range = Math.fround(Math.fround(to) - low);
    const data = new Float32Array(numel(shape));
    for (let i = 0; i < data.length; i++) data[i] = fma32(this.uniform32(), range, low);
    return floatTensor(data, shape);
  }

  /** torch.randn: standard normal. */
  randn(shape: readonly number[]): FloatTensor {
    return this.normal(shape, 0, 1);
  }

  /** Tensor.normal_(mean, std). From 16 values on in blocks, below that one by one in double. */
  normal(shape: readonly number[], mean: number, std: number): FloatTensor {
    const data = new Float32Array(numel(shape));
    if (data.length >= blockSize) this.fillBlocks(data, Math.fround(mean), Math.fround(std));
    else for (let i = 0; i < data.length; i++) data[i] = this.normal64() * std + mean;
    return floatTensor(data, shape);
  }

  /** The last 16 values are drawn again when the length is no multiple of 16. */
  private fillBlocks(data: Float32Array, mean: number, std: number): void {
    for (let i = 0; i < data.length; i++) data[i] = this.uniform32();
    for (let i = 0; i + blockSize <= data.length; i += blockSize) normalBlock(data, i, mean, std);
    if (data.length % blockSize === 0) return;
    const tail = data.length - blockSize;
    for (let i = tail; i < data.length; i++) data[i] = this.uniform32();
    normalBlock(data, tail, mean, std);
  }

  /** Box–Muller in double; the second value of a pair waits for the next call. */
  private normal64(): number {
    if (this.cachedNormal !== undefined) {
      const value = this.cachedNormal;
      this.cachedNormal = undefined;
      return value;
    }
    const angle = 2 * Math.PI * this.uniform64();
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform64()));
    this.cachedNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** torch.randint(low, high) for ranges below 2^32. */
  randint(low: number, high: number, count: number): Int32Array {
    return Int32Array.from({ length: count }, () => (this.random() % (high - low)) + low);
  }

  /** torch.randperm: Fisher–Yates from the front. */
  randperm(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n - 1; i++) {
      const z = this.random() % (n - i);
      [order[i], order[i + z]] = [order[i + z], order[i]];
    }
    return order;
  }
}
