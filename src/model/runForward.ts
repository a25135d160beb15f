import { getAttribute } from '../engine/forward/interpreter/attributes';
import { callMethod } from '../engine/forward/interpreter/call';
import type { Dialect } from '../engine/forward/interpreter/dialect';
import type { Swap } from '../engine/forward/interpreter/swaps';
import { Swaps } from '../engine/forward/interpreter/swaps';
import { flattenTensors, type RunOptions, startRun } from '../engine/forward/runProgram';
import { Undo } from '../engine/forward/undo';
import type { StridedTensor } from '../engine/forward/values/stridedTensor';
import { noKeywords, type PyObject, type Value } from '../engine/forward/values/values';
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

/** What every run of a program needs and none changes. */
interface Running {
  readonly paths: ReadonlyMap<PyObject, string>;
  readonly undo: Undo;
}

const running = new WeakMap<Program, Running>();

function runningOf(program: Program): Running {
  const known = running.get(program);
  if (known !== undefined) return known;
  const paths = new Map([...program.modules].map(([path, module]) => [module, path]));
  const made = { paths, undo: new Undo(program.modules.values()) };
  running.set(program, made);
  return made;
}

/**
 * Runs forward on the arguments. Attributes that the run assigned, and parameters and buffers that it
 * wrote over, are as before afterwards: every run is the first.
 */
export function runForward(program: Program, args: readonly Value[], options: ProgramOptions): ProgramResult {
  const swaps = options.swaps instanceof Swaps ? options.swaps : programSwaps(program, options.swaps ?? new Map());
  const { paths, undo } = runningOf(program);
  const run = startRun({ ...options, swaps, paths, roots: [program.root, ...args] });
  try {
    const result = callMethod(run, outside, program.root, 'forward', args, noKeywords);
    return {
      outputs: flattenTensors(result).map((tensor) => undo.detached(tensor, run.budget)),
      printed: run.printed,
      steps: run.budget.stepsTaken,
      usedRandom: run.usedRandom,
      quantized: swaps.used,
    };
  } finally {
    undo.restore();
  }
}
