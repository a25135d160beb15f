// Quantscope as a contender, bundled by run.mjs.
import { neverAborted } from '../../../src/core/abort';
import { selectKernels } from '../../../src/engine/kernels/dispatch';
import { Generator } from '../../../src/engine/random/generator';
import { addToBins, emptyBins, sumStats } from '../../../src/engine/stats/tensorStats';
import { createWorkload, type Workload } from '../../../src/model/benchmark';
import { type BenchmarkCase, benchmarkCases, multiplyAdds } from '../../../src/model/benchmarkCases';
import { installKernelFiles } from '../../../src/worker/kernelFiles';

export { benchmarkCases, multiplyAdds };

/** Loads the kernels of a built dist/; returns their name. */
export function install(dist: string): string {
  installKernelFiles(dist);
  return selectKernels().name;
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
