// Quantscope as a contender, bundled by run.mjs.
import { neverAborted } from '../../../src/core/abort';
import { selectKernels } from '../../../src/engine/kernels/dispatch';
import { createWorkload, type Workload } from '../../../src/model/benchmark';
import { type BenchmarkCase, benchmarkCases } from '../../../src/model/benchmarkCases';
import { installKernelFiles } from '../../../src/worker/kernelFiles';

export { benchmarkCases };

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
