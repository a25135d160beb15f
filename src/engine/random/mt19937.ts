const size = 624;
const shift = 397;

/**
 * The Mersenne Twister of at::mt19937: init_genrand seeding with the low 32 bits of the seed,
 * standard twist and tempering. Matsumoto and Nishimura, 1998.
 */
export class Mt19937 {
  private readonly state = new Uint32Array(size);
  private next = size;

  constructor(seed: number) {
    this.state[0] = seed;
    for (let j = 1; j < size; j++) {
      const previous = this.state[j - 1] ^ (this.state[j - 1] >>> 30);
      this.state[j] = Math.imul(1812433253, previous) + j;
    }
  }

  /** The next word, 0 to 2^32 − 1. */
  random(): number {
    if (this.next === size) this.twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  private twist(): void {
    const { state } = this;
    for (let k = 0; k < size; k++) {
      const y = (state[k] & 0x80000000) | (state[(k + 1) % size] & 0x7fffffff);
      state[k] = state[(k + shift) % size] ^ (y >>> 1) ^ (state[(k + 1) % size] & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }
}
