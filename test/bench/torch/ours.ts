import { readFileSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { neverAborted } from '../../../src/core/abort';
import type { ByteSource } from '../../../src/core/byteSource';
import { readZip } from '../../../src/formats/zip/read';
import { openModel } from '../../../src/model/openModel';
import { openFileSource } from '../../../src/worker/fileSource';
import { dict, global, int, ints, pickle, proto2, tensor } from '../../support/pickleBuilder';
import { buildZip, concat, le, utf8 } from '../../support/zipBuilder';

export async function writeSmallEntries(path: string, count: number): Promise<void> {
  const data = Uint8Array.of(1, 2, 3, 4);
  await writeFile(path, buildZip(Array.from({ length: count }, (_, i) => ({ name: `archive/data/${i}`, data }))));
}

export async function listEntries(path: string): Promise<number> {
  const source = await openFileSource(path);
  const { entries } = await readZip(source);
  await source.close();
  return entries.length;
}

const tensorCount = 500;

interface Record {
  readonly name: string;
  readonly size: number;
  readonly data?: Uint8Array;
}

/** A state dict of 250 Linear modules whose storages are holes of the file, in zip64. */
export async function writeSparseTorch(path: string, bytes: number): Promise<void> {
  const numel = Math.floor(bytes / tensorCount / 4 / 1024) * 1024;
  const root = dict(
    Array.from({ length: tensorCount }, (_, i) => [
      i % 2 === 0 ? `layers.${i >> 1}.weight` : `layers.${i >> 1}.extra`,
      tensor({
        key: String(i),
        numel,
        size: ints(numel / 1024, 1024),
        stride: ints(1024, 1),
        type: global('torch', 'FloatStorage'),
        offset: int(0),
      }),
    ]),
  );
  const data = pickle(proto2, root, '.');
  const records: Record[] = [
    { name: 'm/data.pkl', size: data.length, data },
    ...Array.from({ length: tensorCount }, (_, i) => ({ name: `m/data/${i}`, size: numel * 4 })),
    { name: 'm/version', size: 2, data: utf8('3\n') },
  ];
  const file = await open(path, 'w');
  const central: Uint8Array[] = [];
  let at = 0;
  for (const { name, size, data: content } of records) {
    const crc = content === undefined ? 0 : crc32(content);
    const head = concat(
      le(4, 0x04034b50),
      le(2, 45),
      le(2, 0),
      le(2, 0),
      le(4, 0),
      le(4, crc),
      le(4, size),
      le(4, size),
      le(2, name.length),
      le(2, 0),
      utf8(name),
    );
    await file.write(head, 0, head.length, at);
    if (content !== undefined) await file.write(content, 0, content.length, at + head.length);
    central.push(centralHeader(name, size, crc, at));
    at += head.length + size;
  }
  const directory = concat(...central);
  const end64 = concat(
    le(4, 0x06064b50),
    le(8, 44),
    le(2, 45),
    le(2, 45),
    le(4, 0),
    le(4, 0),
    le(8, records.length),
    le(8, records.length),
    le(8, directory.length),
    le(8, at),
  );
  const locator = concat(le(4, 0x07064b50), le(4, 0), le(8, at + directory.length), le(4, 1));
  const end = concat(
    le(4, 0x06054b50),
    le(2, 0),
    le(2, 0),
    le(2, records.length),
    le(2, records.length),
    le(4, directory.length),
    le(4, 0xffffffff),
    le(2, 0),
  );
  const tail = concat(directory, end64, locator, end);
  await file.write(tail, 0, tail.length, at);
  await file.close();
}

function centralHeader(name: string, size: number, crc: number, offset: number): Uint8Array {
  const extra = concat(le(2, 1), le(2, 8), le(8, offset));
  return concat(
    le(4, 0x02014b50),
    le(2, 45),
    le(2, 45),
    le(2, 0),
    le(2, 0),
    le(4, 0),
    le(4, crc),
    le(4, size),
    le(4, size),
    le(2, name.length),
    le(2, extra.length),
    le(2, 0),
    le(2, 0),
    le(2, 0),
    le(4, 0),
    le(4, 0xffffffff),
    utf8(name),
    extra,
  );
}

/** Opens a file down to its module tree and prints time, growth of the resident set and bytes read. */
export async function measureOpen(path: string): Promise<void> {
  const before = memory('VmRSS');
  const started = performance.now();
  const source = await openFileSource(path);
  let read = 0;
  const counted: ByteSource = {
    name: source.name,
    size: source.size,
    read: (offset, length) => {
      read += length;
      return source.read(offset, length);
    },
  };
  const model = await openModel(counted, neverAborted);
  const ms = performance.now() - started;
  process.stdout.write(JSON.stringify({ ms, kb: memory('VmHWM') - before, read, tensors: model.tensors.size }));
  await source.close();
}

function memory(key: string): number {
  return Number(new RegExp(`${key}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
}
