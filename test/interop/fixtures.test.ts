import assert from 'node:assert/strict';
import { fixturePath } from '../support/fixtures';
import { fixtureVersions } from '../support/models';
import { describeWithTorch, runPython } from '../support/pythons';

describeWithTorch('the committed fixtures', (python) => {
  const version = fixtureVersions.find((known) => python.torch.startsWith(`${known}.`));
  it(`are what generate.py makes${version === undefined ? ': there are none of this version' : ''}`, async function () {
    if (version === undefined) this.skip();
    const report = await runPython(python, fixturePath('generate.py'), '--check');
    assert.match(report, /: [1-9]\d* compared, 0 differ\n$/);
  });
});
