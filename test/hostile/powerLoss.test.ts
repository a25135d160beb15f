import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { noProgress } from '../../src/core/progress';
import type { Disk } from '../../src/worker/disk';
import { exportFiles } from '../../src/worker/exportFiles';
import { writeFileAtomically } from '../../src/worker/writeFile';
import { temporaryFolder } from '../support/bundles';
import {
  afterPowerLoss,
  bits,
  type Operation,
  RecordingDisk,
  type Surviving,
  withFiles,
} from '../support/recordingDisk';

const parts = ['one ', 'two ', 'three ', 'four'];
const whole = parts.join('');

async function* pieces(mark = ''): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(mark + part);
}

/** Some writes of a file survive in every combination, and the last of them in half. */
const writeChoices: readonly Surviving[] = [
  ...Array.from({ length: 2 ** parts.length }, (_, mask) => bits(mask)),
  ...parts.map((_, last) => (index: number) => (index < last ? 1 : index === last ? 0.5 : 0)),
];
/** More names than this are never unflushed at a time; the test looks. */
const namesAtOnce = 6;
const nameChoices = Array.from({ length: 2 ** namesAtOnce }, (_, mask) => bits(mask));

/** Everything that may lie on the disk, whenever the power was lost; each once. */
function everyOutcome(
  initial: ReadonlyMap<string, string>,
  log: readonly Operation[],
): readonly ReadonlyMap<string, string>[] {
  const outcomes = new Map<string, ReadonlyMap<string, string>>();
  for (let cut = 0; cut <= log.length; cut++) {
    const before = log.slice(0, cut);
    const unflushed = before.slice(before.findLastIndex(({ kind }) => kind === 'syncFolder') + 1);
    const names = unflushed.filter(({ kind }) => ['create', 'rename', 'remove'].includes(kind)).length;
    assert.ok(names <= namesAtOnce, `${names} names`);
    for (const writes of writeChoices) {
      for (const choice of nameChoices.slice(0, 2 ** names)) {
        const found = afterPowerLoss(initial, before, writes, choice);
        outcomes.set(JSON.stringify([...found].sort()), found);
      }
    }
  }
  return [...outcomes.values()];
}

describe('F-06: an export whose power is lost, replayed from the log of what it asked of the disk', () => {
  it('of one file leaves the old one or the new one', async () => {
    const disk = new RecordingDisk(new Map([['/m/a.pt', 'old']]));
    await writeFileAtomically('/m/a.pt', pieces(), neverAborted, disk);
    const found = everyOutcome(disk.initial, disk.log).map((files) => files.get('/m/a.pt'));
    assert.deepEqual([...new Set(found)].sort(), ['old', whole].sort());
  });

  it('of a new file leaves it or none', async () => {
    const disk = new RecordingDisk(new Map());
    await writeFileAtomically('/m/a.pt', pieces(), neverAborted, disk);
    const found = everyOutcome(disk.initial, disk.log).map((files) => files.get('/m/a.pt'));
    assert.deepEqual(new Set(found), new Set([undefined, whole]));
  });

  it('is on the disk when it is reported', async () => {
    const disk = new RecordingDisk(new Map([['/m/a.pt', 'old']]));
    await writeFileAtomically('/m/a.pt', pieces(), neverAborted, disk);
    const nothing = bits(0);
    assert.deepEqual(afterPowerLoss(disk.initial, disk.log, nothing, nothing), new Map([['/m/a.pt', whole]]));
  });

  const careless: readonly [what: string, forgetful: (disk: Disk) => Disk][] = [
    ['its bytes', (disk) => withFiles(disk, (file) => ({ ...file, sync: async () => {} }))],
    ['the folder', (disk) => ({ ...withFiles(disk, (file) => file), syncFolder: async () => {} })],
  ];
  for (const [what, forgetful] of careless) {
    it(`would be found out if it did not flush ${what}`, async () => {
      const disk = new RecordingDisk(new Map([['/m/a.pt', 'old']]));
      await writeFileAtomically('/m/a.pt', pieces(), neverAborted, forgetful(disk));
      const outcomes = everyOutcome(disk.initial, disk.log).map((files) => files.get('/m/a.pt'));
      const reported = afterPowerLoss(disk.initial, disk.log, bits(0), bits(0)).get('/m/a.pt');
      assert.ok(outcomes.some((content) => content !== 'old' && content !== whole) || reported !== whole);
    });
  }

  describe('of several files', () => {
    const names = ['model.json', 'model-1', 'model-2'];
    let folder: string;
    let old: Map<string, string>;

    beforeEach(async () => {
      folder = await temporaryFolder();
      await writeFile(join(folder, 'source.pt'), 'source');
      old = new Map(names.map((name) => [join(folder, name), `old ${name}`]));
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));

    const plan = {
      load: '',
      files: names.map((name) => ({ name, plan: { size: whole.length, chunks: () => pieces(`${name}:`) } })),
    };
    const fresh = (name: string) => parts.map((part) => `${name}:${part}`).join('');

    it('leaves the old ones, the new ones, or none that names the others and the old ones beside', async () => {
      const disk = new RecordingDisk(old);
      await exportFiles(plan, join(folder, names[0]), join(folder, 'source.pt'), true, neverAborted, noProgress, disk);
      let [asOld, asNew, between] = [0, 0, 0];
      for (const files of everyOutcome(disk.initial, disk.log)) {
        const [entry, ...others] = names.map((name) => files.get(join(folder, name)));
        if (entry === undefined) {
          const kept = new Set(files.values());
          assert.ok(names.every((name) => kept.has(`old ${name}`)));
          between++;
        } else if (entry === `old ${names[0]}`) {
          assert.deepEqual(
            others,
            names.slice(1).map((name) => `old ${name}`),
          );
          asOld++;
        } else {
          assert.deepEqual([entry, ...others], names.map(fresh));
          asNew++;
        }
      }
      assert.ok(asOld > 0 && asNew > 0 && between > 0, `${asOld}, ${asNew}, ${between}`);
    });
  });
});
