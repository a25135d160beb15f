import assert from 'node:assert/strict';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineClient, EnginePool, type PoolOptions } from '../../../src/worker/enginePool';
import { buildBundles, temporaryFolder } from '../../support/bundles';
import { fixturePath } from '../../support/fixtures';
import { spec } from '../../support/models';
import { writeStubWorker } from '../../support/stubWorker';

/** What the stub answers. */
interface StubAnswer {
  readonly threadId: number;
  readonly flag: number;
}

describe('EnginePool', function () {
  this.timeout(20_000);
  let folder: string;
  let realWorker: string;
  let stubWorker: string;
  const cleanup: { dispose(): void }[] = [];

  before(async () => {
    folder = await temporaryFolder();
    await buildBundles(folder, ['engineWorker']);
    realWorker = join(folder, 'engineWorker.js');
    stubWorker = await writeStubWorker(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));
  afterEach(() => {
    for (const one of cleanup.splice(0)) one.dispose();
  });

  function keep<T extends { dispose(): void }>(one: T): T {
    cleanup.push(one);
    return one;
  }
  const real = (path?: string) => keep(new EngineClient(path, { workerPath: realWorker }));
  const stub = (path = 'file', options: Partial<PoolOptions> = {}) =>
    keep(new EngineClient(path, { workerPath: stubWorker, abortGraceMs: 30, ...options }));
  const ask = (client: EngineClient, tensor: string, signal?: AbortSignal) =>
    client.call('stats', { tensor, bins: 1 }, { signal }) as unknown as Promise<StubAnswer>;
  const threadOf = async (client: EngineClient) =>
    ((await client.call('inspect', {})) as unknown as StubAnswer).threadId;

  describe('with the engine', () => {
    it('opens a file and answers concurrent requests', async () => {
      const client = real(fixturePath('torch-2.13', 'mlp.pt'));
      const [summary, inventory, report, stats, rows] = await Promise.all([
        client.call('open', { path: '' }),
        client.call('inspect', {}),
        client.call('quantize', spec()),
        client.call('stats', { tensor: '0.bias', bins: 4 }),
        client.call('rows', { filter: '', toggled: [], base: 'all', start: 0, count: 50, spec: null }),
      ]);
      assert.equal(summary.file, 'mlp.pt');
      assert.equal(inventory.tensors.length, 4);
      assert.equal(report.modules.length, 2);
      assert.deepEqual(
        stats.tensors.map(({ name }) => name),
        ['0.bias'],
      );
      assert.equal(rows.total, 7);
    });

    it('rows show the error of every weight once it was quantized with the same spec', async () => {
      const client = real(fixturePath('torch-2.13', 'mlp.pt'));
      const { modules } = await client.call('quantize', spec());
      const query = { filter: '', toggled: [], base: 'all' as const, start: 0, count: 50, spec: spec() };
      const { rows } = await client.call('rows', query);
      assert.equal(rows.find(({ id }) => id === 't:0.weight')?.after?.sqnrDb, modules[0].weights[0].sqnrDb);
    });

    it('the native tree asks level by level', async () => {
      const client = real(fixturePath('torch-2.13', 'mlp.pt'));
      const children = async (path: string | null, limit = 10) =>
        (await client.call('children', { path, spec: null, limit })).rows.map(({ id }) => id);
      assert.deepEqual(await children(null), ['m:']);
      assert.deepEqual(await children(''), ['m:0', 'm:2']);
      assert.deepEqual(await children('0'), ['t:0.weight', 't:0.bias']);
      assert.deepEqual(await children('0', 1), ['t:0.weight']);
      await assert.rejects(children('nope'), { code: 'E_NO_MODULE' });
    });

    it('a file that cannot be opened rejects every request with the same reason', async () => {
      const client = real(join(folder, 'missing.pt'));
      const calls = [
        client.call('open', { path: '' }),
        client.call('inspect', {}),
        client.call('quantize', spec()),
        client.call('stats', { tensor: null, bins: 1 }),
      ];
      for (const outcome of await Promise.allSettled(calls)) {
        assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'E_IO');
      }
    });

    it('work without a file needs none, and work with one says that it is missing', async () => {
      const pool = keep(new EnginePool({ workerPath: realWorker }));
      const client = keep(pool.scratch());
      const { accuracy } = await client.call('recipe', { engine: 'qnnpack', runs: 1 });
      assert.equal(accuracy.meanAbsDiff.toFixed(5), '0.00092');
      await assert.rejects(client.call('inspect', {}), { code: 'E_NO_MODEL' });
    });

    it('F-01: a file that changed is refused until it is reloaded', async () => {
      const path = join(folder, 'changing.pt');
      await copyFile(fixturePath('torch-2.13', 'mlp.pt'), path);
      const client = real(path);
      await client.call('open', { path });
      await writeFile(path, 'something else');
      await assert.rejects(client.call('stats', { tensor: null, bins: 1 }), { code: 'E_FILE_CHANGED' });
      await copyFile(fixturePath('torch-2.13', 'recipe_lstm.pt'), path);
      client.reload();
      assert.equal((await client.call('inspect', {})).modules[1].type, 'LSTM');
    });

    it('a long computation is cancelled', async () => {
      const client = real(fixturePath('torch-2.13', 'word_lm.pt'));
      const controller = new AbortController();
      const request = {
        module: 'rnn',
        seed: 1,
        shapes: [[400, 16, 64]],
        engine: 'fbgemm',
        perChannel: false,
        runs: 10_000,
        warmup: 0,
      } as const;
      const call = client.call('forward', request, { signal: controller.signal });
      await client.call('inspect', {});
      controller.abort();
      await assert.rejects(call, { code: 'E_ABORTED' });
      assert.equal((await client.call('inspect', {})).tensors.length, 11);
    });
  });

  describe('with a thread that misbehaves on request', () => {
    it('heavy requests run one after the other, in order', async () => {
      const client = stub();
      const order: string[] = [];
      await Promise.all(['later', 'a', 'b'].map((what) => ask(client, what).then(() => order.push(what))));
      assert.deepEqual(order, ['later', 'a', 'b']);
    });

    it('a computation that heeds the abort keeps its thread', async () => {
      const client = stub('file', { abortGraceMs: 10_000 });
      const before = await threadOf(client);
      const controller = new AbortController();
      const call = ask(client, 'cooperative', controller.signal);
      controller.abort();
      await assert.rejects(call, { code: 'E_ABORTED' });
      assert.equal(await threadOf(client), before);
    });

    it('one that does not is terminated after the grace, and the next request opens the file again', async () => {
      const client = stub();
      const before = await threadOf(client);
      const controller = new AbortController();
      const call = ask(client, 'hang', controller.signal);
      await delay(5);
      controller.abort();
      await assert.rejects(call, { code: 'E_ABORTED' });
      assert.notEqual(await threadOf(client), before);
      assert.equal(((await client.call('open', { path: '' })) as { file: string }).file, 'file');
    });

    it('the abort of one request does not reach the next', async () => {
      const client = stub();
      const controller = new AbortController();
      const call = ask(client, 'cooperative', controller.signal);
      controller.abort();
      await assert.rejects(call, { code: 'E_ABORTED' });
      assert.equal((await ask(client, 'flag')).flag, 0);
    });

    it('the abort of a light request does not reach the computation under way', async () => {
      const client = stub();
      await threadOf(client);
      const computation = ask(client, 'later');
      await delay(5);
      const controller = new AbortController();
      const light = client.call('inspect', {}, { signal: controller.signal }).catch(() => 'aborted');
      await Promise.resolve();
      await Promise.resolve();
      controller.abort();
      await light;
      assert.equal((await computation).flag, 0);
    });

    it('a request that waits its turn is rejected as soon as it is aborted', async () => {
      const client = stub('file', { abortGraceMs: 10_000 });
      const first = new AbortController();
      const second = new AbortController();
      const running = ask(client, 'cooperative', first.signal);
      const waiting = ask(client, 'x', second.signal);
      second.abort();
      await assert.rejects(waiting, { code: 'E_ABORTED' });
      first.abort();
      await assert.rejects(running, { code: 'E_ABORTED' });
      assert.equal((await ask(client, 'x')).flag, 0);
    });

    it('an opening that was cancelled is begun anew by the next request', async () => {
      const client = stub('slow', { abortGraceMs: 10_000 });
      for (let attempt = 0; attempt < 2; attempt++) {
        const controller = new AbortController();
        const call = client.call('open', { path: '' }, { signal: controller.signal });
        let pending = true;
        const rejected = assert.rejects(call, { code: 'E_ABORTED' }).finally(() => {
          pending = false;
        });
        await delay(20);
        // The second attempt would be over by now if it met the first one's failure.
        assert.ok(pending, `attempt ${attempt}`);
        controller.abort();
        await rejected;
      }
    });

    it('an aborted signal starts nothing', async () => {
      const client = stub('bad');
      await assert.rejects(ask(client, 'x', AbortSignal.abort()), { code: 'E_ABORTED' });
    });

    for (const [how, code] of [
      ['exit', 'E_WORKER_DIED'],
      ['throw', 'E_WORKER_DIED'],
    ] as const) {
      it(`a thread that ends (${how}) rejects what is under way and is replaced`, async () => {
        const client = stub();
        const before = await threadOf(client);
        await assert.rejects(ask(client, how), { code });
        assert.notEqual(await threadOf(client), before);
      });
    }

    it('a failed opening rejects every request', async () => {
      const client = stub('bad');
      for (const call of [threadOf(client), ask(client, 'x'), ask(client, 'y')]) {
        await assert.rejects(call, { code: 'E_EMPTY' });
      }
    });

    it('an idle thread is stopped, a busy one is not', async () => {
      const client = stub('file', { idleMs: 20 });
      const first = await threadOf(client);
      assert.equal((await ask(client, 'later')).threadId, first);
      let now = first;
      for (let i = 0; i < 50 && now === first; i++) {
        await delay(50);
        now = await threadOf(client);
      }
      assert.notEqual(now, first);
    });

    it('dispose rejects what is under way and what comes', async () => {
      const client = stub();
      const call = ask(client, 'hang');
      await delay(5);
      client.dispose();
      await assert.rejects(call, { code: 'E_ABORTED' });
      await assert.rejects(threadOf(client), { code: 'E_ABORTED' });
    });

    it('F-10: everybody who looks at a file shares its thread', async () => {
      const pool = keep(new EnginePool({ workerPath: stubWorker }));
      const views = Array.from({ length: 50 }, () => pool.acquire('a'));
      assert.equal(new Set(views).size, 1);
      assert.notEqual(views[0], pool.acquire('b'));
    });

    it('the thread lingers after the last release, and a new look keeps it', async () => {
      const pool = keep(new EnginePool({ workerPath: stubWorker }));
      const client = pool.acquire('a');
      const thread = await threadOf(client);
      pool.release('a', 20);
      assert.equal(pool.acquire('a'), client);
      await delay(60);
      assert.equal(await threadOf(client), thread);
      pool.acquire('a');
      pool.release('a', 0);
      await delay(20);
      assert.equal(await threadOf(client), thread);
      pool.release('a', 0);
      await delay(20);
      await assert.rejects(threadOf(client), { code: 'E_ABORTED' });
      assert.notEqual(pool.acquire('a'), client);
    });

    it('releasing what nobody holds is harmless', () => {
      keep(new EnginePool({ workerPath: stubWorker })).release('nothing');
    });
  });
});
