import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toErrorDetails } from '../../src/core/errors';
import type { Value } from '../../src/engine/forward/values/values';
import { readNpz } from '../support/npz';
import { largestDifference, openScript, run, tensorValue } from '../support/programs';
import { describeWithTorch, runPython } from '../support/pythons';

/** Share of the archives that must run with PyTorch's numbers; the others are listed. */
const wanted = 0.95;
const tolerance = 1e-5;

describeWithTorch(
  'TorchScript archives of many families run with PyTorch’s numbers',
  (python) => {
    it(`at least ${wanted * 100} % of them, within ${tolerance}`, async function () {
      this.timeout(600_000);
      const folder = await mkdtemp(join(tmpdir(), 'programs-'));
      try {
        await runPython(python, 'make_programs.py', folder);
        const names = (await readdir(folder)).filter((name) => name.endsWith('.npz')).map((name) => name.slice(0, -4));
        // Twice as many where transformers and torchvision are installed.
        assert.ok(names.length >= 40, `${names.length} archives were made`);
        const failures: string[] = [];
        for (const name of names) {
          const problem = await problemOf(join(folder, name));
          if (problem !== undefined) failures.push(`${name}: ${problem}`);
        }
        const share = 1 - failures.length / names.length;
        assert.ok(share >= wanted, `${names.length - failures.length} of ${names.length} run:\n${failures.join('\n')}`);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  },
  ['current'],
);

async function problemOf(path: string): Promise<string | undefined> {
  try {
    const arrays = await readNpz(`${path}.npz`);
    const inputs: Value[] = [];
    for (let array = arrays.get('input.0'); array !== undefined; array = arrays.get(`input.${inputs.length}`)) {
      inputs.push(tensorValue(array));
    }
    const { outputs } = run(await openScript(`${path}.pt`), inputs);
    if (arrays.has(`float.${outputs.length}`)) return `only ${outputs.length} outputs`;
    const worst = largestDifference(outputs, arrays, 'float');
    return worst <= tolerance ? undefined : `differs by ${worst}`;
  } catch (error) {
    return toErrorDetails(error).message;
  }
}
