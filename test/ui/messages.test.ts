import assert from 'node:assert/strict';
import { fixturePath } from '../support/fixtures';
import { seededRandom } from '../support/random';
import { connectInspector } from './support/connect';

const methods = [
  'ready',
  'rows',
  'sparklines',
  'tensorDetail',
  'overview',
  'values',
  'image',
  'activation',
  'select',
  'showTab',
  'setSpec',
  'tick',
  'chosen',
  'runForward',
  'startForward',
  'chooseCode',
  'proposePlan',
  'editPlan',
  'forgetCode',
  'openPlace',
  'outputImage',
  'outputSeries',
  'saveForward',
  'command',
  'copy',
  'report',
  '__proto__',
  'constructor',
  'toString',
];

describe('messages from a page that is not ours', () => {
  it('10,000 of them: nothing throws, nothing runs, every request is answered', async function () {
    this.timeout(120_000);
    const { send, answers, document, commands, close } = await connectInspector(
      fixturePath('torch-2.13', 'recipe_lstm.pt'),
    );
    await document.loaded;
    const random = seededRandom(6);
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      for (let id = 1; id <= 10_000; id++) {
        const method = methods[Math.floor(random() * methods.length)];
        send(random() < 0.1 ? junk(random, 0) : { type: 'request', id, method, args: junk(random, 0) });
        if (id % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const last = { type: 'request', id: 20_000, method: 'ready', args: {} };
      send(last);
      await answers.until(20_000);
      assert.deepEqual(unhandled, []);
      assert.equal(document.snapshot.phase, 'ready');
      assert.equal(document.snapshot.quantized, null);
      assert.deepEqual(commands, []);
    } finally {
      process.off('unhandledRejection', note);
      close();
    }
  });
});

/** Any value that a message can hold, nested a little. */
function junk(random: () => number, depth: number): unknown {
  const pick = Math.floor(random() * (depth > 3 ? 9 : 12));
  const values = [
    null,
    undefined,
    -1,
    2 ** 53,
    Number.NaN,
    'm:../../etc/passwd',
    'x'.repeat(100_000),
    true,
    '\u202e<script>alert(1)</script>',
  ];
  if (pick < values.length) return values[pick];
  if (pick === 9) return Array.from({ length: Math.floor(random() * 6) }, () => junk(random, depth + 1));
  const keys = [
    'name',
    'id',
    'path',
    'start',
    'count',
    'spec',
    'scheme',
    'tab',
    'module',
    'shapes',
    '__proto__',
    'filter',
  ];
  return Object.fromEntries(
    keys.slice(0, Math.floor(random() * keys.length)).map((key) => [key, junk(random, depth + 1)]),
  );
}
