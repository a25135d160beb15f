import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { EngineName } from '../../src/protocol/dto';
import type { QuantizeSpecDto } from '../../src/protocol/quantizeDto';
import { exportBytes } from './exports';
import type { FixtureVersion } from './fixtures';
import { modelFrom, spec } from './models';
import { unzipStored } from './zipBuilder';

/** What test/fixtures/exports/generate.py says of one file that torch.save wrote. */
export interface SavedModel {
  /** The whole float module that it was made from. */
  readonly source: string;
  readonly file: string;
  readonly engine: EngineName | null;
  readonly layout: 'state_dict' | 'whole_module';
  readonly spec: Partial<QuantizeSpecDto> | null;
  /** Of the whole file. */
  readonly sha256: string;
  /** Of the records of its archive, without the serialization id. */
  readonly records: string;
}

/** Our file of the same model, spec and name. */
export async function ownFile(saved: SavedModel, source: Uint8Array, version: FixtureVersion): Promise<Uint8Array> {
  const { engine, layout, file } = saved;
  const model = await modelFrom(source, saved.source);
  const [bytes] = await exportBytes(model, file, {
    layout,
    torchStyle: version === '1.13' ? '1.13' : '2',
    spec: engine === null ? null : spec({ ...saved.spec, engine }),
  });
  return bytes;
}

/** 1.13's files are compared whole; the serialization id of 2.x is a hash of PyTorch's own. */
export function assertSameHash(ours: Uint8Array, { sha256, records, file }: SavedModel, version: FixtureVersion): void {
  if (version === '1.13') assert.equal(createHash('sha256').update(ours).digest('hex'), sha256, file);
  else assert.equal(recordsHash(ours), records, file);
}

function recordsHash(bytes: Uint8Array): string {
  const hash = createHash('sha256');
  for (const { name, data } of unzipStored(bytes))
    if (!name.endsWith('serialization_id')) hash.update(`${name}\0`).update(data);
  return hash.digest('hex');
}
