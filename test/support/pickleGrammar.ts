import type { Random } from './mutate';
import { global, int, type Piece, pickle, proto2, storage, tensor, text } from './pickleBuilder';
import { le } from './zipBuilder';

/** An opcode as the grammar sees it: what it takes from the stack, whether it goes down to a mark. */
interface Rule {
  readonly write: (random: Random) => Piece;
  readonly pops?: number;
  readonly pushes?: number;
  readonly mark?: 'opens' | 'closes';
  /** Among those that real checkpoints have; these come three times as often. */
  readonly seen?: boolean;
}

const names = ['collections OrderedDict', 'torch._utils _rebuild_tensor_v2', 'torch FloatStorage', 'os system', 'x y'];
const words = ['w', 'a.b', '', '__proto__', 'storage', 'state', '_parameters', '_modules', 'version', '\u00e9'];
const numbers = [0, 1, 2, 3, 255, -1, 2 ** 31 - 1];

const name = (random: Random) => random.pick(names).split(' ') as [string, string];
const word = (random: Random) => random.pick(words);
const number = (random: Random) => random.pick(numbers);

const pushes = (write: Rule['write'], seen = false): Rule => ({ write, pushes: 1, seen });
const takes = (opcode: Piece, pops: number, seen = false): Rule => ({ write: () => opcode, pops, pushes: 1, seen });
const closes = (opcode: Piece, pops: number, seen = false): Rule => ({
  write: () => opcode,
  pops,
  pushes: 1,
  mark: 'closes',
  seen,
});

/** All opcodes of protocols 0 to 5 but STOP, which ends every sequence, and the buffers that are refused. */
const rules: readonly Rule[] = [
  { write: () => '(', mark: 'opens', seen: true },
  { write: () => '1', mark: 'closes', pops: 0 },
  { write: () => '0', pops: 1 },
  takes('2', 0),
  ...['N', 0x88, 0x89, ']', '}', ')'].map((opcode) => pushes(() => opcode, true)),
  pushes(() => 0x8f),
  pushes((random) => int(number(random)), true),
  pushes((random) => ['K', number(random) & 255], true),
  pushes((random) => ['M', le(2, number(random))], true),
  pushes((random) => [0x8a, 2, le(2, number(random))], true),
  pushes((random) => [0x8b, le(4, 3), le(3, number(random))]),
  pushes((random) => `I${number(random)}\n`),
  pushes((random) => `L${number(random)}L\n`),
  pushes((random) => `F${number(random)}.5\n`),
  pushes((random) => ['G', le(8, random.below(2 ** 31))], true),
  pushes((random) => text(word(random)), true),
  pushes((random) => [0x8c, shortText(word(random))], true),
  pushes(() => [0x8d, le(8, 1), 'x']),
  pushes(() => "S'x'\n"),
  pushes(() => ['U', 1, 'x']),
  pushes(() => ['T', le(4, 1), 'x']),
  pushes(() => 'Vx\n'),
  pushes(() => ['C', 1, 'x']),
  pushes(() => ['B', le(4, 1), 'x']),
  pushes(() => [0x8e, le(8, 1), 'x']),
  pushes(() => [0x96, le(8, 1), 'x']),
  pushes((random) => global(...name(random)), true),
  { write: () => 0x93, pops: 2, pushes: 1, seen: true },
  pushes((random) => [0x82, 1 + random.below(9)]),
  pushes((random) => [0x83, le(2, 1 + random.below(9))]),
  pushes((random) => [0x84, le(4, 1 + random.below(9))]),
  pushes(() => 'Px\n'),
  takes('Q', 1, true),
  takes('R', 2, true),
  takes('b', 2, true),
  takes(0x81, 2, true),
  takes(0x92, 3),
  takes('a', 2, true),
  takes('s', 3, true),
  takes(0x85, 1, true),
  takes(0x86, 2, true),
  takes(0x87, 3, true),
  closes('t', 0, true),
  closes('l', 0),
  closes('d', 0),
  closes('e', 1, true),
  closes('u', 1, true),
  closes(0x90, 1),
  closes(0x91, 0),
  closes('o', 0),
  { write: (random) => `i${name(random).join('\n')}\n`, pushes: 1, mark: 'closes' },
  ...(['q', 'h'] as const).map(
    (opcode): Rule => ({
      write: (random) => [opcode, random.below(6)],
      pops: opcode === 'q' ? 1 : 0,
      pushes: 1,
      seen: true,
    }),
  ),
  { write: (random) => ['r', le(4, random.below(6))], pops: 1, pushes: 1, seen: true },
  { write: (random) => ['j', le(4, random.below(6))], pushes: 1, seen: true },
  { write: (random) => `p${random.below(6)}\n`, pops: 1, pushes: 1 },
  { write: (random) => `g${random.below(6)}\n`, pushes: 1 },
  { write: () => 0x94, pops: 1, pushes: 1, seen: true },
  { write: () => [0x95, le(8, 20)] },
  { write: () => [0x80, 2] },
  pushes(() => storage(), true),
  pushes(() => tensor(), true),
];

const weighted = rules.flatMap((rule) => (rule.seen === true ? [rule, rule, rule] : [rule]));

function shortText(value: string): Piece {
  const [, , bytes] = text(value) as [string, Uint8Array, Uint8Array];
  return [bytes.length, bytes];
}

const maxOpcodes = 60;

/**
 * A pickle of opcodes whose stack works out, most of the time: nine in ten are chosen among those
 * that find what they need, the others among all. Memo entries and types are left to chance.
 */
export function randomPickle(random: Random): Uint8Array {
  const pieces: Piece[] = [proto2, pickle('Nq\0q\x01q\x02q\x03q\x04q\x05')];
  const marks: number[] = [];
  let depth = 1;
  const fits = ({ pops = 0, mark }: Rule) =>
    mark === 'closes' ? marks.length > 0 && (marks.at(-1) ?? 0) >= pops : depth >= pops;
  const count = 1 + random.below(maxOpcodes);
  for (let i = 0; i < count; i++) {
    let rule = random.pick(weighted);
    if (random.below(10) > 0) while (!fits(rule)) rule = random.pick(weighted);
    pieces.push(rule.write(random));
    if (rule.mark === 'opens') {
      marks.push(depth);
      depth = 0;
      continue;
    }
    if (rule.mark === 'closes') depth = marks.pop() ?? 0;
    depth = Math.max(0, depth - (rule.pops ?? 0)) + (rule.pushes ?? 0);
  }
  if (marks.length > 0) pieces.push(pickle(marks.map(() => 't')));
  return pickle(...pieces, '.');
}
