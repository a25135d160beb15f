import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { planTorchFile } from '../../src/formats/torch/write';
import { writeBigModel } from './bigModel';
import { fixturePath, readFixture } from './fixtures';
import { dict, global, pickle, proto2, reduce, tensor, text, torchFile } from './pickleBuilder';
import { buildZip, utf8 } from './zipBuilder';

/** Where a payload would leave its mark, if anything in a file were run. */
export const markerName = 'ran';

/** Modules of the large model: four tensors each. */
const largeModules = 5_000;

/** Fills a workspace folder with what people open: sound files, and what the Explorer also holds. */
export async function writeHostModels(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of ['recipe_lstm.pt', 'word_lm.pt', 'word_lm.ckpt'])
    await cp(fixturePath('torch-2.13', name), join(folder, name));
  const sound = await readFixture('torch-2.13', 'word_lm.pt');
  await writeFile(join(folder, 'truncated.pt'), sound.subarray(0, 1_000));
  await writeFile(join(folder, 'notes.pt'), 'This is where the weights should have been.\n');
  await writeFile(join(folder, 'photos.pt'), buildZip([{ name: 'photos/one.jpg', data: utf8('not a model') }]));
  const payload = reduce(global('posix', 'system'), text(`touch ${join(folder, markerName)}`));
  const stranger = pickle(
    proto2,
    dict([
      ['w', tensor()],
      ['x', payload],
    ]),
    '.',
  );
  await writeFile(join(folder, 'stranger.pt'), torchFile(stranger));
  await writeBigModel(join(folder, 'huge.safetensors'), 500_000);
  await writeFile(join(folder, 'large.pt'), await largeModel());
  await writeFile(join(folder, 'wide.pt'), await wideModel());
}

/** Long enough work to be cancelled in the middle: Linear(1024, 4096) sixteen times over, all of one value. */
async function wideModel(): Promise<Uint8Array> {
  const of = (name: string, shape: readonly number[]) => ({
    kind: 'tensor' as const,
    name,
    tensor: {
      dtype: 'float32' as const,
      shape,
      data: async () => new Uint8Array(new Float32Array(shape.reduce((a, b) => a * b)).fill(0.01).buffer),
    },
  });
  const items = Array.from({ length: 16 }, (_, i) => [
    of(`layers.${i}.weight`, [4096, 1024]),
    of(`layers.${i}.bias`, [4096]),
  ]).flat();
  return written(items, 'wide');
}

/** A state dict of 20,000 small tensors: a header of megabytes and next to no data. */
async function largeModel(): Promise<Uint8Array> {
  const zeros = { dtype: 'float32', data: async () => new Uint8Array(4) } as const;
  const items = Array.from({ length: largeModules }, (_, i) =>
    ['weight', 'bias', 'running_mean', 'running_var'].map((name) => ({
      kind: 'tensor' as const,
      name: `layers.${i}.norm.${name}`,
      tensor: { ...zeros, shape: [1] },
    })),
  ).flat();
  return written(items, 'large');
}

async function written(items: Parameters<typeof planTorchFile>[0]['items'], archiveName: string): Promise<Uint8Array> {
  const options = { archiveName, style: '2', engine: 'fbgemm' } as const;
  const chunks: Uint8Array[] = [];
  for await (const chunk of planTorchFile({ items, versions: [] }, options).chunks()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
