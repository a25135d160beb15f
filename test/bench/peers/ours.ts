// Quantscope as a contender, bundled by run.mjs.
import { neverAborted } from '../../../src/core/abort';
import { callMethod, construct } from '../../../src/engine/forward/interpreter/call';
import { startRun } from '../../../src/engine/forward/runProgram';
import { nativeDialect } from '../../../src/engine/forward/source/nativeDialect';
import { SourceProgram } from '../../../src/engine/forward/source/sourceProgram';
import { parsePython } from '../../../src/engine/forward/syntax/parsePython';
import { wrapElements } from '../../../src/engine/forward/values/stridedTensor';
import { selectKernels } from '../../../src/engine/kernels/dispatch';
import type { Kernels } from '../../../src/engine/kernels/kernels';
import { Generator } from '../../../src/engine/random/generator';
import { addToBins, emptyBins, sumStats } from '../../../src/engine/stats/tensorStats';
import { createWorkload, type Workload } from '../../../src/model/benchmark';
import { type BenchmarkCase, benchmarkCases, multiplyAdds } from '../../../src/model/benchmarkCases';
import { installKernelFiles } from '../../../src/worker/kernelFiles';
import { KernelThreads } from '../../../src/worker/kernelThreads';

export { benchmarkCases, multiplyAdds };

/** Loads the kernels of a built dist/; returns their name. */
export function install(dist: string): string {
  installKernelFiles(dist);
  return selectKernels().name;
}

/** Runs the kernels of a built dist/ on so many threads from now on; returns how many there are. */
export function useThreads(dist: string, count: number): Promise<number> {
  return new KernelThreads(dist).use(count);
}

/** One forward pass of a case, as a function to time. */
export function contender(one: BenchmarkCase): (int8: boolean) => () => void {
  let workload: Workload | undefined;
  return (int8) => () => {
    workload ??= createWorkload(one);
    const module = int8 ? workload.int8 : workload.float;
    module.forward(workload.inputs, { kernels: selectKernels(), abort: neverAborted });
  };
}

/** An MLP with two hidden layers, run by the interpreter of Python files. */
const program = (width: number) => `import torch.nn as nn
import torch.nn.functional as F
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(${width}, ${width})
        self.b = nn.Linear(${width}, ${width})
        self.c = nn.Linear(${width}, ${width})
    def forward(self, x):
        return self.c(F.relu(self.b(F.relu(self.a(x)))))
`;

/** One run of the program on x [rows, width], and the ms that its products took so far. */
export function interpreted(width: number, rows: number): { run: () => void; productMs: () => number } {
  let ms = 0;
  const own = selectKernels();
  const kernels: Kernels = Object.create(own, {
    gemmFloat: {
      value: (...args: Parameters<Kernels['gemmFloat']>) => {
        const start = performance.now();
        own.gemmFloat(...args);
        ms += performance.now() - start;
      },
    },
  });
  const source = new SourceProgram([parsePython(program(width), 'm.py')]);
  const start = () => startRun({ kernels, abort: neverAborted });
  const first = start();
  source.start(first);
  const model = construct(first, source.classNamed('M'), [], new Map());
  const x = wrapElements('float32', new Generator(1).randn([rows, width]).data, [rows, width]);
  const run = () => void callMethod(start(), nativeDialect, model, 'forward', [x], new Map());
  return { run, productMs: () => ms };
}

const streamCount = 67_108_864;

/** Statistics and a 512-bin histogram of 256 MB of float32 in memory: a function to time, and its bytes. */
export function statistics(): { run: () => void; bytes: number } {
  const values = new Float32Array(streamCount);
  const random = new Generator(1).randn([65_536]).data;
  for (let at = 0; at < streamCount; at += random.length) values.set(random, at);
  const run = () => {
    const sums = sumStats(values);
    addToBins(emptyBins(512, sums.min, sums.max), values);
  };
  return { run, bytes: values.byteLength };
}
