// The targets speak of onnxruntime-node on AVX2. It takes what the processor has, so on one with AVX-512 and VNNI a
// copy of it is made to see neither: for measuring alone, in the cache, on Linux on x64 with gcc and objdump.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { has } from '../../../../scripts/lib/run.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const library = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1';

/** What asks a process with that copy of the package in `install` for a turn; undefined where it cannot be made. */
export function startOnAvx2(install, folder) {
  const source = join(install, library);
  if (!['gcc', 'objdump', 'readelf'].every(has) || !existsSync(source)) return undefined;
  rmSync(folder, { recursive: true, force: true });
  cpSync(install, folder, { recursive: true });
  writeFileSync(join(folder, library), withTraps(source));
  const preload = join(folder, 'avx2only.so');
  const { status } = spawnSync('gcc', ['-O2', '-shared', '-fPIC', '-o', preload, join(here, 'avx2only.c'), '-ldl']);
  if (status !== 0) return undefined;
  const child = spawn(process.execPath, [join(here, 'turns.mjs'), folder], {
    env: { ...process.env, LD_PRELOAD: preload },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    return JSON.parse((await lines.next()).value);
  };
}

/** The library's bytes with `int3; nop` for each cpuid that the disassembler finds. */
function withTraps(file) {
  const output = (program, ...args) =>
    spawnSync(program, [...args, file], { encoding: 'utf8', maxBuffer: 2 ** 31 }).stdout;
  const bytes = readFileSync(file);
  const segments = [...output('readelf', '-lW').matchAll(/^ +LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)/gm)].map((match) =>
    match.slice(1).map((digits) => Number.parseInt(digits, 16)),
  );
  for (const [, digits] of output('objdump', '-d', '--no-show-raw-insn').matchAll(/^ *(\w+):\s+cpuid/gm)) {
    const address = Number.parseInt(digits, 16);
    const [offset, start] = segments.find(([, from, size]) => address >= from && address < from + size);
    bytes.writeUInt16BE(0xcc90, address - start + offset);
  }
  return bytes;
}
