import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';

const relaxed = ['simd', 'relaxed-simd'];
/**
 * The host gives them all the memory that 32 bits reach. It is new and zero, and nothing may write zeros at its start:
 * a helper that comes late would do so where the others have their intermediate values.
 */
const shared = ['--sharedMemory', '--maximumMemory', '65536', '--zeroFilledMemory'];

/**
 * What the product ships beside the engine's bundle: one source, compiled without relaxed SIMD, with it, and
 * with its dot product of four; those two for threads as well.
 */
const binaries = [
  { file: 'kernels.wasm', features: ['simd'] },
  { file: 'kernelsRelaxed.wasm', features: relaxed },
  { file: 'kernelsDot4.wasm', features: relaxed, dot4: true },
  { file: 'kernelsThreads.wasm', features: [...relaxed, 'threads'], options: shared },
  { file: 'kernelsDot4Threads.wasm', features: [...relaxed, 'threads'], options: shared, dot4: true },
];

/** Compiles the AssemblyScript kernels into `folder`. */
export async function buildKernels(folder) {
  await mkdir(folder, { recursive: true });
  for (const { file, features, options = [], dot4 = false } of binaries) {
    const enabled = features.flatMap((name) => ['--enable', name]);
    const { error, stderr, binary } = await compile([...enabled, ...options, '--use', `DOT4=${dot4 ? 1 : 0}`]);
    if (error) throw new Error(`${file}: ${stderr}`);
    await writeFile(join(folder, file), binary);
  }
}

async function compile(options) {
  let binary;
  const { error, stderr } = await asc.main(
    [
      'src/engine/kernels/assembly/index.ts',
      ...['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--noExportMemory', '--disableWarning', '112'],
      ...options,
      ...['--outFile', 'kernels.wasm'],
    ],
    {
      writeFile(name, contents) {
        if (name === 'kernels.wasm') binary = contents;
      },
    },
  );
  return { error, stderr: String(stderr), binary };
}
