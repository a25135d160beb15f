import { dict, fourFloats, global, int, type Piece, pickle, proto2, text, tuple } from './pickleBuilder';
import { concat, le, utf8 } from './zipBuilder';

export interface Member {
  readonly name: string;
  readonly data: Uint8Array;
  readonly type?: string;
  /** What the header says instead of the truth. */
  readonly size?: string;
  readonly checksum?: string;
}

/** A tar archive as Python's tarfile writes it. */
export function tar(members: readonly Member[]): Uint8Array {
  const parts = members.flatMap(({ name, data, type = '0', size, checksum }) => {
    const header = new Uint8Array(512);
    const put = (at: number, value: string) => header.set(utf8(value), at);
    put(0, name);
    put(100, '0000644\0');
    put(108, '0000000\0');
    put(116, '0000000\0');
    put(124, size ?? `${data.length.toString(8).padStart(11, '0')}\0`);
    put(136, '00000000000\0');
    put(148, '        ');
    put(156, type);
    put(257, 'ustar\x0000');
    const sum = header.reduce((total, byte) => total + byte, 0);
    put(148, checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `);
    return [header, data, new Uint8Array((512 - (data.length % 512)) % 512)];
  });
  return concat(...parts, new Uint8Array(1024));
}

/** The members of PyTorch 0.1: one float storage, two tensors on it, a dict of both. */
export function torchMembers({
  rank = 1,
  size = 4n,
  part = [int(2), int(2)],
}: {
  readonly rank?: number;
  readonly size?: bigint;
  /** Where in the storage the part begins that the second tensor lies on, and how long it is. */
  readonly part?: readonly [offset: Piece, length: Piece];
} = {}): Member[] {
  const storages = concat(
    pickle(proto2, int(1), '.'),
    pickle(proto2, tuple(int(100), text('cpu'), global('torch', 'FloatStorage')), '.'),
    le(8, 4),
    fourFloats,
    pickle(proto2, ']', tuple(int(101), int(100), ...part), 'a.'),
  );
  const tensors = concat(
    pickle(proto2, int(2), '.'),
    pickle(proto2, tuple(int(200), int(100), global('torch', 'FloatTensor')), '.'),
    concat(le(4, rank), le(4, 0), le(8, size), le(8, 1), le(8, 0)),
    pickle(proto2, tuple(int(201), int(101), global('torch', 'FloatTensor')), '.'),
    concat(le(4, 1), le(4, 0), le(8, 2), le(8, 1), le(8, 0)),
  );
  const object = pickle(
    proto2,
    dict([
      ['a', [int(200), 'Q']],
      ['b', [int(201), 'Q']],
    ]),
    '.',
  );
  return [
    { name: 'sys_info', data: pickle(proto2, '}', '.') },
    { name: 'pickle', data: object },
    { name: 'storages', data: storages },
    { name: 'tensors', data: tensors },
  ];
}
