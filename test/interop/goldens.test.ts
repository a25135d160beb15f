import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkActivations, checkNumbers } from '../support/checkGoldens';
import { checkRecurrentBits, checkRecurrentValues } from '../support/checkRecurrent';
import { fixturePath } from '../support/fixtures';
import type { Goldens } from '../support/goldens';
import { type NpyArray, readNpz } from '../support/npz';
import { describeWithTorch, runPython } from '../support/pythons';

describeWithTorch('the same bits, asked live with a seed that the committed answers do not have', (python) => {
  let goldens: Goldens;
  let recurrent: Map<string, NpyArray>;

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quantscope-'));
    const [json, npz] = [join(folder, 'goldens.json'), join(folder, 'recurrent.npz')];
    try {
      const files = ['--out', json, '--recurrent', npz];
      await runPython(python, fixturePath('goldens.py'), '--seed', '20250719', '--scale', '0.2', ...files);
      goldens = JSON.parse(await readFile(json, 'utf8')) as Goldens;
      recurrent = await readNpz(npz);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  const answers = () => goldens;
  checkNumbers(python, answers);
  checkRecurrentValues(python, answers, (engine, label) => recurrent.get(`${engine} ${label}`)?.data as Float32Array);
  if (!python.mkl) {
    checkActivations(answers);
    checkRecurrentBits(python, answers);
  }
});
