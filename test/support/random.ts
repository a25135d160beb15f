import { Generator } from '../../src/engine/random/generator';
import { Mt19937 } from '../../src/engine/random/mt19937';

/** Seeded uniform numbers in [0, 1) for tests. */
export function seededRandom(seed: number): () => number {
  const words = new Mt19937(seed);
  return () => words.random() / 2 ** 32;
}

/** Seeded arrays of normal numbers. */
export function gaussian(seed: number): (count: number) => Float32Array {
  const generator = new Generator(seed);
  return (count) => generator.randn([count]).data;
}
