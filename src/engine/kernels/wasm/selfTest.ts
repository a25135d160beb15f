import type { KernelExports } from './webAssembly';

/** How the int8 products of a build take their operands: see assembly/descriptor.ts and assembly/operand.ts. */
export interface ByteForm {
  /** What a product's record says of its weights: 0 for i16 activations, 1 for w + 128 and 2 for w beside bytes. */
  readonly weights: 0 | 1 | 2;
  /** Whether activations of all eight bits fit, not only seven. */
  readonly allBits: boolean;
}

/** i16 activations: what any machine computes alike. */
export const wordForm: ByteForm = { weights: 0, allBits: true };

/**
 * Each look is a hundred thousand sums, a sixth of a millisecond. V8 runs them in its baseline tier first and in its
 * optimizing one after some five looks: both are judged, since one of them has been wrong (V8 11.3).
 */
const looks = 16;

/** The form in which this machine does right by the pairwise dot product, if it has one. */
export function pairForm({ wrongPairs, wrongFused }: KernelExports): ByteForm | undefined {
  return always(() => wrongPairs() + wrongFused() === 0) ? { weights: 1, allBits: false } : undefined;
}

const fourForms: readonly ByteForm[] = [
  { weights: 1, allBits: true },
  { weights: 2, allBits: true },
  { weights: 2, allBits: false },
];

/**
 * The same for the dot product of four: x86 takes weights as unsigned, ARM as signed, where V8's baseline tier has
 * (−128)² wrong.
 */
export function fourForm({ wrongFours, wrongFused }: KernelExports): ByteForm | undefined {
  return fourForms.find(({ weights, allBits }) =>
    always(() => wrongFours(weights === 1 ? 1 : 0, allBits ? 128 : 64) + wrongFused() === 0),
  );
}

function always(holds: () => boolean): boolean {
  for (let i = 0; i < looks; i++) if (!holds()) return false;
  return true;
}
