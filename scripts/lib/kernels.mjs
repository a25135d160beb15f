import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';

/** What the product ships beside the engine's bundle: one source, compiled without and with relaxed SIMD, and for threads. */
const binaries = [
  { file: 'kernels.wasm', features: ['--enable', 'simd'] },
  { file: 'kernelsRelaxed.wasm', features: ['--enable', 'simd', '--enable', 'relaxed-simd'] },
  {
    file: 'kernelsThreads.wasm',
    // The host gives it all the memory that 32 bits reach.
    features: ['simd', 'relaxed-simd', 'threads']
      .flatMap((name) => ['--enable', name])
      .concat('--sharedMemory', '--maximumMemory', '65536'),
  },
];

/** Compiles the AssemblyScript kernels into `folder`. */
export async function buildKernels(folder) {
  await mkdir(folder, { recursive: true });
  for (const { file, features } of binaries) {
    const { error, stderr, binary } = await compile(features);
    if (error) throw new Error(`${file}: ${stderr}`);
    await writeFile(join(folder, file), binary);
  }
}

async function compile(features) {
  let binary;
  const { error, stderr } = await asc.main(
    [
      'src/engine/kernels/assembly/index.ts',
      ...['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--noExportMemory', '--disableWarning', '112'],
      ...features,
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
