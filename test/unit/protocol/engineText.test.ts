import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { proposePlan } from '../../../src/model/plan/proposePlan';
import { sayAssumption, sayEngineText, type Translate } from '../../../src/protocol/engineText';
import { openFixtureModel } from '../../support/models';
import { root } from '../../support/root';
import { modelOf } from '../../support/tensorEntries';

const korean: Record<string, string> = JSON.parse(readFileSync(join(root, 'l10n', 'bundle.l10n.ko.json'), 'utf8'));

/** As the page translates; a text that Korean lacks stays as it is. */
const t: Translate = (text, ...values) =>
  (korean[text] ?? text).replace(/\{(\d+)\}/g, (_, index) => String(values[Number(index)]));

describe('texts of the engine’s thread, in Korean', () => {
  const notes = [
    [
      '__init__ arguments worked out from the shapes: width=8, depth=2',
      '형상에서 알아낸 __init__ 인수: width=8, depth=2',
    ],
    ['imported: layers/block.py', '가져옴: layers/block.py'],
    ['not read: cell 3: a line that no Python reads', '읽지 못함: cell 3: a line that no Python reads'],
    ['the forward draws random numbers; they come from the seed', 'forward가 난수를 뽑음: 시드에서 나옴'],
    ['Embedding takes float_qparams only', 'Embedding: float_qparams만 가능'],
  ] as const;
  for (const [english, wanted] of notes) {
    it(`${english.split(':')[0]}: names stay as they are`, () => {
      assert.equal(sayEngineText(english, t), wanted);
    });
  }

  it('a reason of two parts is said part by part', () => {
    assert.equal(
      sayAssumption('ReLU; 3 has no parameters, so it is an activation', t),
      'ReLU; 3번에는 매개변수가 없으므로 활성화 함수임',
    );
  });

  it('every assumption of a proposed plan has Korean words', async () => {
    const image = await modelOf({
      'features.0.weight': { shape: [4, 3, 3, 3], values: new Array(108).fill(0.1) },
      'features.3.weight': { shape: [8, 4, 3, 3], values: new Array(288).fill(0.1) },
      'classifier.weight': { shape: [5, 32], values: new Array(160).fill(0.1) },
    });
    const models = [image];
    for (const file of ['word_lm.pt', 'mlp.pt', 'gru_tagger.pt']) models.push(await openFixtureModel('2.13', file));
    const assumed = models.flatMap((model) => proposePlan(model.root).plan.steps.map(({ assumed: why }) => why ?? ''));
    const parts = new Set(assumed.flatMap((why) => (why === '' ? [] : sayAssumption(why, t).split('; '))));
    assert.ok(parts.size > 5, [...parts].join('\n'));
    for (const part of parts) assert.ok(/[가-힣]/.test(part) || part === 'ReLU', part);
  });
});
