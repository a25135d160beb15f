import { fuzzCase } from './fuzzCase';
import { fuzzTargets } from './fuzzTargets';

/** The process that scripts/fuzz.mjs starts for one target; it tells where it is, so that a hang has a place. */
async function run(name: string, seed: number, count: number): Promise<void> {
  const send = (message: object) => process.send?.(message);
  const target = fuzzTargets.find((one) => one.name === name);
  if (target === undefined) throw new Error(`There is no target ${name}.`);
  process.on('unhandledRejection', (error) => send({ failure: `unhandled rejection: ${error}` }));
  const mutant = await target.mutants();
  const codes = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    if (i % 50 === 0) send({ at: i });
    try {
      for (const code of new Set(await fuzzCase(target, mutant, seed + i))) codes.set(code, (codes.get(code) ?? 0) + 1);
    } catch (error) {
      send({ failure: `--seed ${seed + i}: ${error instanceof Error ? error.stack : error}` });
    }
  }
  send({ done: count, codes: [...codes] });
}

const [name, seed, count] = process.argv.slice(2);
if (name === undefined) for (const target of fuzzTargets) console.log(JSON.stringify(target));
else void run(name, Number(seed), Number(count)).then(() => process.disconnect?.());
