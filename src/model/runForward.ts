import { getAttribute } from '../engine/forward/interpreter/attributes';
import { callMethod } from '../engine/forward/interpreter/call';
import type { Dialect } from '../engine/forward/interpreter/dialect';
import type { Swap } from '../engine/forward/interpreter/swaps';
import { Swaps } from '../engine/forward/interpreter/swaps';
import { flattenTensors, type RunOptions, startRun } from '../engine/forward/runProgram';
import type { StridedTensor } from '../engine/forward/values/stridedTensor';
import { noKeywords, type Value } from '../engine/forward/values/values';
import type { DynamicModule } from '../engine/nn/module';
import type { Program } from './scriptProgram';

/** What one run of a program's forward gave. */
export interface ProgramResult {
  readonly outputs: readonly StridedTensor[];
  readonly printed: readonly string[];
  readonly steps: number;
  readonly usedRandom: boolean;
  /** The dynamic twins that ran. */
  readonly quantized: readonly DynamicModule[];
}

export interface ProgramOptions extends Omit<RunOptions, 'swaps' | 'roots' | 'paths'> {
  /** Modules that run in int8, by path; as `Swaps` their twins stay for the next run. */
  readonly swaps?: ReadonlyMap<string, Swap> | Swaps;
}

/** Swaps of a program's modules by their paths. */
export function programSwaps({ modules }: Program, swaps: ReadonlyMap<string, Swap>): Swaps {
  return new Swaps(
    new Map(
      [...swaps].flatMap(([path, swap]) => {
        const module = modules.get(path);
        return module === undefined ? [] : [[module, swap] as const];
      }),
    ),
  );
}

/** Only calls the forward, so no name is looked up. */
const outside = { file: 'forward', script: false, attribute: getAttribute } as unknown as Dialect;

/** Runs forward on the arguments; attributes and buffers that the run assigned are as before afterwards. */
export function runForward(program: Program, args: readonly Value[], options: ProgramOptions): ProgramResult {
  const swaps = options.swaps instanceof Swaps ? options.swaps : programSwaps(program, options.swaps ?? new Map());
  const paths = new Map([...program.modules].map(([path, module]) => [module, path]));
  const run = startRun({ ...options, swaps, paths, roots: [program.root, ...args] });
  const restore = [...program.modules.values()].flatMap(({ attributes, module }) => [
    restorer(attributes),
    ...(module !== undefined && module.buffers.size > 0 ? [restorer(module.buffers)] : []),
  ]);
  try {
    const result = callMethod(run, outside, program.root, 'forward', args, noKeywords);
    return {
      outputs: flattenTensors(result),
      printed: run.printed,
      steps: run.budget.stepsTaken,
      usedRandom: run.usedRandom,
      quantized: swaps.used,
    };
  } finally {
    for (const one of restore) one();
  }
}

function restorer<T>(map: Map<string, T>): () => void {
  const before = [...map];
  return () => {
    map.clear();
    for (const [name, value] of before) map.set(name, value);
  };
}
