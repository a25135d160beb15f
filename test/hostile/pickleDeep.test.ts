import assert from 'node:assert/strict';
import { openBytes } from '../support/fixtures';
import { rejection } from '../support/hostile';
import {
  global,
  int,
  ints,
  type Piece,
  pickle,
  proto2,
  proto4,
  reduce,
  stackGlobal,
  storage,
  tensor,
  text,
  torchFile,
  tuple,
} from '../support/pickleBuilder';

/** None inside `times` levels. */
function nested(open: Piece, close: Piece, times: number): Uint8Array {
  return pickle(
    proto2,
    Array.from({ length: times }, () => open),
    'N',
    Array.from({ length: times }, () => close),
    '.',
  );
}

describe('pickles that are deep, wide or circular', function () {
  // Megabytes of opcodes on a slow machine; what would hang takes hours.
  this.timeout(120_000);

  const cases: readonly [name: string, data: () => Uint8Array][] = [
    ['100,000 nested lists', () => nested(']', 'a', 100_000)],
    ['1,000,000 nested tuples', () => nested('', 0x85, 1_000_000)],
    ['100,000 nested dicts', () => nested('}N', 's', 100_000)],
    [
      '100,000 nested calls',
      () =>
        pickle(proto2, global('collections', 'OrderedDict'), 'q\0', nested('h\0', [0x85, 'R'], 100_000).subarray(2)),
    ],
    ['a list in itself', () => pickle(proto2, ']q\0h\0a.')],
    ['a dict in itself', () => pickle(proto2, '}q\0', text('me'), 'h\0s.')],
    ['a tuple in a list in that tuple', () => pickle(proto2, ']', 0x85, 'q\0', 'h\0', '.')],
    ['two lists in each other', () => pickle(proto2, ']q\0]q\x01h\0ah\x01a0h\0h\x01a.')],
    [
      'forty levels of [x, x], a billion laughs',
      () =>
        pickle(
          proto2,
          ']q\0',
          Array.from({ length: 40 }, (_, i) => ['](h', i, 'h', i, 'eq', i + 1]),
          '.',
        ),
    ],
    ['2,000,000 marks', () => pickle(proto2, 'N', '('.repeat(2_000_000), '.')],
    ['a dict of 300,000 numbers', () => pickle(proto2, '}(', 'K\x01N'.repeat(300_000), 'u.')],
  ];
  for (const [name, data] of cases) {
    it(`ends for ${name}`, async () => {
      const outcome = await openBytes(torchFile(data())).then(
        ({ tensors }) => `${tensors.length} tensors`,
        ({ code }: { code: string }) => code,
      );
      assert.match(outcome, /^(0 tensors|E_PICKLE_(STACK|MEMO))$/);
    });
  }

  /** As torch.save writes it: names that Python imports stand in the memo. */
  function memoized(): readonly [head: Uint8Array, tensor: Piece] {
    const memo = [global('torch._utils', '_rebuild_tensor_v2'), 'q\x000', global('torch', 'FloatStorage'), 'q\x010'];
    const hooks: Piece = ['h\x02', ')R'];
    const view = [storage({ type: 'h\x01' }), int(0), ints(2, 2), ints(2, 1), 0x89, hooks];
    return [
      pickle(proto2, ...memo, global('collections', 'OrderedDict'), 'q\x020', '}('),
      pickle(reduce('h\0', ...view)),
    ];
  }

  const half: readonly [how: string, head: Uint8Array, tensor: Piece][] = [
    ['names in the memo', ...memoized()],
    ['every name spelled out every time', pickle(proto2, '}('), tensor()],
  ];
  for (const [how, head, one] of half)
    it(`P-36: opens a state dict of 500,000 tensors, ${how}`, async () => {
      const count = 500_000;
      const entry = pickle(text('w0000000'), one);
      const data = new Uint8Array(head.length + count * entry.length + 2);
      data.set(head);
      for (let i = 0; i < count; i++) {
        const at = head.length + i * entry.length;
        data.set(entry, at);
        for (let digit = 0, rest = i; digit < 7; digit++, rest = Math.floor(rest / 10))
          data[at + 12 - digit] += rest % 10;
      }
      data.set(pickle('u.'), data.length - 2);
      const started = process.cpuUsage();
      const { tensors, warnings } = await openBytes(torchFile(data));
      assert.deepEqual([tensors.length, tensors.at(-1)?.name, warnings], [count, 'w0499999', []]);
      const seconds = process.cpuUsage(started).user / 1e6;
      assert.ok(seconds < 20, `${seconds} s`);
    });

  it('ends for 5,000,000 values on the stack', async () => {
    const { code } = await rejection(torchFile(pickle(proto2, 'N'.repeat(5_000_000), '.')));
    assert.equal(code, 'E_PICKLE_LIMIT');
  });

  it('finds a tensor below other containers, and stops far below', async () => {
    const at = (depth: number) => torchFile(pickle(proto2, ']'.repeat(depth), tensor(), 'a'.repeat(depth), '.'));
    assert.equal((await openBytes(at(500))).tensors[0].name, Array(500).fill('0').join('.'));
    assert.equal((await openBytes(at(5000))).tensors.length, 0);
  });

  it('ends for a parameter wrapped 300,000 times', async () => {
    const levels = 300_000;
    const wrapped = [
      global('torch._utils', '_rebuild_parameter'),
      'q\0',
      'h\0'.repeat(levels - 1),
      'N',
      pickle(Array.from({ length: levels }, () => [0x85, 'R'])),
    ];
    const file = await openBytes(torchFile(pickle(proto2, wrapped, '.')));
    assert.equal(file.tensors.length, 0);
  });

  it('ends for keys so long that their path would not fit into a string', async () => {
    const key = 'k'.repeat(1 << 20);
    const data = pickle(proto2, text(key), 'q\0', '}q\x01', '}h\0'.repeat(900), tensor(), 's'.repeat(900), '.');
    const file = await openBytes(torchFile(data));
    assert.equal(file.tensors.length, 1);
    assert.ok(file.tensors[0].name.length < 1 << 22);
  });

  it('ends for 20,000 names that Python must not import, with few warnings', async () => {
    const names = Array.from({ length: 20_000 }, (_, i) => reduce(global('os', `call${i}`), text('x')));
    const file = await openBytes(torchFile(pickle(proto4, tuple(...names), '.')));
    assert.equal(file.safety.verdict, 'dangerous');
    assert.ok(file.warnings.length <= 101, `${file.warnings.length} warnings`);
  });

  it('reads names of Python from the stack as they are, not as a scan backwards would', async () => {
    const confusing = pickle(proto4, text('os'), text('collections'), '0', text('system'), 'N0', 0x93, ')R.');
    const file = await openBytes(torchFile(confusing));
    assert.equal(file.safety.verdict, 'dangerous');
    assert.deepEqual(
      file.safety.globals.map(({ module, name }) => `${module}.${name}`),
      ['os.system'],
    );
    const same = await openBytes(torchFile(pickle(proto4, stackGlobal('os', 'system'), ')R.')));
    assert.equal(same.safety.verdict, 'dangerous');
  });
});
