import { checkActivations, checkNumbers } from '../support/checkGoldens';
import { fixturePath } from '../support/fixtures';
import type { Goldens } from '../support/goldens';
import { askPython, describeWithTorch } from '../support/pythons';

describeWithTorch('the same bits, asked live with a seed that the committed answers do not have', (python) => {
  let goldens: Goldens;
  before(async () => {
    goldens = await askPython(python, fixturePath('goldens.py'), '--seed', '20250719', '--scale', '0.2');
  });
  checkNumbers(python, () => goldens);
  if (!python.mkl) checkActivations(() => goldens);
});
