import { readFileSync } from 'node:fs';
import { type FixtureVersion, fixturePath } from './fixtures';

/** What a PyTorch is made of. */
export interface TorchBuild {
  readonly torch: string;
  /** Those of fbgemm, onednn and qnnpack that it has. */
  readonly engines: readonly string[];
  /** Version of oneDNN. */
  readonly onednn: string;
  /** Whether tanh is MKL's instead of SLEEF's. */
  readonly mkl: boolean;
  /** Vector instructions that it uses here. */
  readonly cpu: string;
}

/** What test/fixtures/goldens.py writes: PyTorch's answers to seeded questions, as SHA-256 digests. */
export interface Goldens {
  readonly build: TorchBuild;
  readonly seed: number;
  readonly random: Digest;
  readonly initialisation: Digest;
  readonly qparams: { readonly count: number; readonly full: string; readonly reduced: string };
  readonly weights: {
    readonly matrices: number;
    readonly per_tensor: WeightDigest;
    readonly per_channel: WeightDigest;
  };
  readonly embeddings: { readonly matrices: number; readonly 8: EmbeddingDigest; readonly 4: EmbeddingDigest };
  readonly activations: { readonly rows: number; readonly tanh: string; readonly sigmoid: string };
  readonly linear: {
    readonly modules: number;
    readonly engines: Readonly<Record<string, Readonly<Record<LinearKind, Digest>>>>;
  };
  readonly recurrent: {
    readonly cases: readonly RecurrentCase[];
    readonly engines: Readonly<Record<string, Readonly<Record<string, Digest>>>>;
  };
}

export interface Digest {
  /** Values behind the digest. */
  readonly count: number;
  readonly sha256: string;
}

export interface WeightDigest {
  readonly count: number;
  readonly codes: string;
  readonly scales: string;
}

export interface EmbeddingDigest extends WeightDigest {
  readonly zero_points: string;
  /** Rows, bags and weighted bags. */
  readonly looked_up: Digest;
}

export const linearKinds = ['bias', 'no_bias', 'per_channel'] as const;
export type LinearKind = (typeof linearKinds)[number];

export interface RecurrentCase {
  readonly mode: 'LSTM' | 'GRU';
  readonly input: number;
  readonly hidden: number;
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly batchFirst: boolean;
  readonly steps: number;
  readonly batch: number;
  /** Whether start states are given. */
  readonly hx: boolean;
  /** Lengths of a packed sequence. */
  readonly lengths: readonly number[] | null;
}

export function committedGoldens(version: FixtureVersion): Goldens {
  return JSON.parse(readFileSync(fixturePath('goldens', `torch-${version}.json`), 'utf8')) as Goldens;
}
