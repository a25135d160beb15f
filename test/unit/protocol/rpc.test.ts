import assert from 'node:assert/strict';
import { malformed, QuantscopeError } from '../../../src/core/errors';
import { Channel, type Handlers } from '../../../src/protocol/rpc';
import { portPair } from '../../support/portPair';

/** The API of one side; the other serves nothing. */
interface Api {
  add(args: { a: number; b: number }): number;
  fail(args: { how: 'ours' | 'other' | 'text' | 'uncloneable' }): number;
  count(args: { to: number }): string;
  wait(args: Record<string, never>): string;
  told(args: { text: string }): void;
}

type Nothing = Record<never, never>;

function pair(overrides: Partial<Handlers<Api>> = {}) {
  const { ports, log } = portPair();
  const told: string[] = [];
  const handlers: Partial<Handlers<Api>> = {
    add: ({ a, b }) => a + b,
    fail({ how }) {
      if (how === 'ours') throw malformed('E_ZIP', 'Broken.', { where: { file: 'a.pt', offset: 3 }, hint: 'Copy it.' });
      if (how === 'other') throw new TypeError('oops');
      if (how === 'text') throw 'plain text';
      return (() => 1) as unknown as number;
    },
    async count({ to }, { progress }) {
      for (let i = 1; i <= to; i++) progress(i, to, `step ${i}`);
      return 'counted';
    },
    wait: (_args, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('gave up')))),
    told: ({ text }) => void told.push(text),
    ...overrides,
  };
  return {
    client: new Channel<Nothing, Api>(ports[0], {}),
    server: new Channel<Api, Nothing>(ports[1], handlers),
    ports,
    log,
    told,
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const sent = (log: { readonly message: unknown }[]) => log.map(({ message }) => (message as { type: string }).type);

describe('Channel', () => {
  it('a request gets its reply', async () => {
    assert.equal(await pair().client.call('add', { a: 2, b: 3 }), 5);
  });

  it('replies find their requests whatever their order', async () => {
    const gates: (() => void)[] = [];
    const { client } = pair({ add: ({ a }) => new Promise((resolve) => gates.push(() => resolve(a))) });
    const calls = [1, 2, 3].map((a) => client.call('add', { a, b: 0 }));
    await settled();
    for (const open of gates.reverse()) open();
    assert.deepEqual(await Promise.all(calls), [1, 2, 3]);
  });

  it('an error keeps its code, place and hint', async () => {
    await assert.rejects(pair().client.call('fail', { how: 'ours' }), (error: unknown) => {
      assert.ok(error instanceof QuantscopeError);
      assert.deepEqual(error.details, {
        code: 'E_ZIP',
        kind: 'malformed',
        message: 'Broken.',
        where: { file: 'a.pt', offset: 3 },
        hint: 'Copy it.',
      });
      return true;
    });
  });

  for (const [how, message] of [
    ['other', /oops/],
    ['text', /plain text/],
    ['uncloneable', /clone/],
  ] as const) {
    it(`what is thrown otherwise (${how}) is an internal error`, async () => {
      await assert.rejects(pair().client.call('fail', { how }), (error: unknown) => {
        assert.ok(error instanceof QuantscopeError);
        assert.equal(error.code, 'E_INTERNAL');
        assert.match(error.message, message);
        return true;
      });
    });
  }

  for (const method of ['nothing', 'constructor', '__proto__', 'toString']) {
    it(`a method that is not served (${method}) is refused`, async () => {
      const call = pair().client.call(method as keyof Api, {} as never);
      await assert.rejects(call, /no method/);
    });
  }

  it('a request that cannot be cloned is rejected', async () => {
    const call = pair().client.call('add', { a: 1, b: (() => 1) as unknown as number });
    await assert.rejects(call, /clone/);
  });

  it('progress arrives before the reply, and only at its own request', async () => {
    const { client } = pair();
    const seen: string[] = [];
    const other: string[] = [];
    const calls = [
      client.call(
        'count',
        { to: 2 },
        { onProgress: (done, total, what) => void seen.push(`${done}/${total} ${what}`) },
      ),
      client.call('add', { a: 1, b: 1 }, { onProgress: (_d, _t, what) => void other.push(what) }),
    ];
    assert.deepEqual(await Promise.all(calls), ['counted', 2]);
    assert.deepEqual([seen, other], [['1/2 step 1', '2/2 step 2'], []]);
  });

  describe('abort', () => {
    it('rejects at once and tells the other side', async () => {
      let gaveUp = false;
      const { client } = pair({
        wait: (_args, { signal }) =>
          new Promise((resolve) =>
            signal.addEventListener('abort', () => {
              gaveUp = true;
              resolve('too late');
            }),
          ),
      });
      const controller = new AbortController();
      const call = client.call('wait', {}, { signal: controller.signal });
      await settled();
      controller.abort();
      await assert.rejects(call, { code: 'E_ABORTED' });
      await settled();
      assert.ok(gaveUp);
    });

    it('before the call: nothing is sent', async () => {
      const { client, log } = pair();
      await assert.rejects(client.call('add', { a: 1, b: 1 }, { signal: AbortSignal.abort() }), { code: 'E_ABORTED' });
      assert.deepEqual(log, []);
    });

    it('after the reply: nothing is sent', async () => {
      const { client, log } = pair();
      const controller = new AbortController();
      await client.call('add', { a: 1, b: 1 }, { signal: controller.signal });
      controller.abort();
      await settled();
      assert.deepEqual(sent(log), ['request', 'reply']);
    });

    it('a reply that comes too late is dropped, and later requests work', async () => {
      const { client } = pair({ wait: () => new Promise((resolve) => setImmediate(() => resolve('late'))) });
      const controller = new AbortController();
      const call = client.call('wait', {}, { signal: controller.signal });
      controller.abort();
      await assert.rejects(call, { code: 'E_ABORTED' });
      await settled();
      await settled();
      assert.equal(await client.call('add', { a: 1, b: 1 }), 2);
    });
  });

  describe('notify', () => {
    it('arrives and is not answered', async () => {
      const { client, told, log } = pair();
      client.notify('told', { text: 'hello' });
      await settled();
      assert.deepEqual(told, ['hello']);
      assert.deepEqual(sent(log), ['notify']);
    });

    it('a failing or unknown method is not answered either', async () => {
      const { client, log } = pair();
      client.notify('fail', { how: 'ours' });
      client.notify('nothing' as 'told', { text: '' });
      await settled();
      assert.deepEqual(sent(log), ['notify', 'notify']);
    });
  });

  describe('dispose', () => {
    const reason = new Error('closed');

    it('rejects what is under way and what comes', async () => {
      const { client } = pair();
      const calls = [client.call('wait', {}), client.call('wait', {})];
      client.dispose(reason);
      for (const call of [...calls, client.call('add', { a: 1, b: 1 })]) await assert.rejects(call, reason);
      client.notify('told', { text: 'nobody listens' });
    });

    it('aborts what this side is serving, and sends nothing any more', async () => {
      const signals: AbortSignal[] = [];
      const { client, server, log } = pair({
        wait: (_args, { signal }) => {
          signals.push(signal);
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve('x')));
        },
      });
      const call = client.call('wait', {});
      await settled();
      server.dispose(reason);
      await settled();
      assert.deepEqual(
        signals.map(({ aborted }) => aborted),
        [true],
      );
      assert.deepEqual(sent(log), ['request']);
      client.dispose(reason);
      await assert.rejects(call, reason);
    });
  });

  for (const message of [
    null,
    undefined,
    7,
    'text',
    {},
    { type: 'other' },
    { type: 'reply', id: 99, value: 1 },
    { type: 'abort', id: 99 },
  ]) {
    it(`the message ${JSON.stringify(message)} is ignored`, async () => {
      const { client, ports } = pair();
      ports[1].post(message);
      ports[0].post(message);
      await settled();
      assert.equal(await client.call('add', { a: 1, b: 1 }), 2);
    });
  }

  it('every request settles: replies, errors, aborts and a dispose in the middle', async () => {
    const { client } = pair();
    const controller = new AbortController();
    const calls = Array.from({ length: 40 }, (_, i) =>
      [
        () => client.call('add', { a: i, b: 1 }),
        () => client.call('fail', { how: 'ours' }),
        () => client.call('wait', {}, { signal: controller.signal }),
        () => client.call('wait', {}),
      ][i % 4](),
    );
    const outcomes = Promise.allSettled(calls as Promise<unknown>[]);
    await settled();
    controller.abort();
    client.dispose(new Error('closed'));
    const count = (status: string) => (list: readonly { status: string }[]) =>
      list.filter((outcome) => outcome.status === status).length;
    const list = await outcomes;
    assert.deepEqual([count('fulfilled')(list), count('rejected')(list)], [10, 30]);
  });
});
