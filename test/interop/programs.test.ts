import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toErrorDetails } from '../../src/core/errors';
import type { StridedTensor } from '../../src/engine/forward/values/stridedTensor';
import type { Value } from '../../src/engine/forward/values/values';
import { planSwaps } from '../../src/model/programSwaps';
import { spec } from '../support/models';
import { type NpyArray, readNpz } from '../support/npz';
import { largestDifference, openScriptModel, run, tensorValue } from '../support/programs';
import { describeWithTorch, runPython } from '../support/pythons';

/** Share of the archives that must run with PyTorch’s numbers; the others are listed. */
const wanted = 0.95;
const tolerance = { float: 1e-5, int8: 1e-4 } as const;
const engines = ['fbgemm', 'onednn', 'qnnpack'] as const;

type Ran = 'float' | (typeof engines)[number];

describeWithTorch(
  'TorchScript archives of many families run with PyTorch’s numbers',
  (python) => {
    it(`float within ${tolerance.float}, quantized inside within ${tolerance.int8}, at least ${wanted * 100} % of each`, async function () {
      this.timeout(600_000);
      const folder = await mkdtemp(join(tmpdir(), 'programs-'));
      try {
        await runPython(python, 'make_programs.py', folder);
        const names = (await readdir(folder)).filter((name) => name.endsWith('.npz')).map((name) => name.slice(0, -4));
        // Twice as many where transformers and torchvision are installed.
        assert.ok(names.length >= 40, `${names.length} archives were made`);
        const runs = new Map<Ran, { total: number; failures: string[] }>();
        for (const name of names) {
          for (const [what, problem] of await problemsOf(join(folder, name))) {
            const entry = runs.get(what) ?? { total: 0, failures: [] };
            runs.set(what, entry);
            entry.total++;
            if (problem !== undefined) entry.failures.push(`${name}: ${problem}`);
          }
        }
        const table = [...runs].map(([what, { total, failures }]) =>
          [`${what}: ${total - failures.length} of ${total}`, ...failures].join('\n      '),
        );
        console.log(`      ${table.join('\n      ')}`);
        for (const [what, { total, failures }] of runs)
          assert.ok(1 - failures.length / total >= wanted, `${what}:\n${failures.join('\n')}`);
        for (const engine of engines) assert.ok((runs.get(engine)?.total ?? 0) >= 25, `${engine} was asked`);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  },
  ['current'],
);

/** What was run, and what is wrong with it: in float, and with each engine that PyTorch itself could run. */
async function problemsOf(path: string): Promise<Map<Ran, string | undefined>> {
  const problems = new Map<Ran, string | undefined>();
  const arrays = await readNpz(`${path}.npz`);
  const inputs: Value[] = [];
  for (let array = arrays.get('input.0'); array !== undefined; array = arrays.get(`input.${inputs.length}`)) {
    inputs.push(tensorValue(array));
  }
  const asked: readonly Ran[] = ['float', ...engines.filter((engine) => arrays.has(`${engine}.0`))];
  try {
    const { model, program } = await openScriptModel(`${path}.pt`);
    for (const what of asked) {
      const swaps = what === 'float' ? undefined : planSwaps(model, spec({ engine: what }));
      problems.set(
        what,
        attempt(() =>
          judge(run(program, inputs, swaps && what !== 'float' ? { swaps, engine: what } : {}).outputs, arrays, what),
        ),
      );
    }
  } catch (error) {
    for (const what of asked) if (!problems.has(what)) problems.set(what, toErrorDetails(error).message);
  }
  return problems;
}

function judge(outputs: readonly StridedTensor[], arrays: ReadonlyMap<string, NpyArray>, what: Ran) {
  if (arrays.has(`${what}.${outputs.length}`)) return `only ${outputs.length} outputs`;
  const worst = largestDifference(outputs, arrays, what);
  return worst <= tolerance[what === 'float' ? 'float' : 'int8'] ? undefined : `differs by ${worst}`;
}

function attempt(work: () => string | undefined): string | undefined {
  try {
    return work();
  } catch (error) {
    return toErrorDetails(error).message;
  }
}
