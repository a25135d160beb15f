import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { joinChunks } from '../../src/core/byteChunks';
import { noProgress } from '../../src/core/progress';
import { planExport } from '../../src/model/export/exportModel';
import type { Model } from '../../src/model/openModel';
import type { ExportRequestDto } from '../../src/protocol/exportDto';

/** Writes an export into a folder; gives the path of the file to open and the lines that load it. */
export async function writeExport(
  folder: string,
  model: Model,
  name: string,
  request: Partial<ExportRequestDto>,
): Promise<{ readonly file: string; readonly load: string }> {
  await mkdir(folder, { recursive: true });
  const whole: ExportRequestDto = {
    target: join(folder, name),
    format: 'torch',
    spec: null,
    torchStyle: '1.13',
    layout: 'state_dict',
    module: '',
    shardBytes: 5e9,
    reduceRange: false,
    overwrite: true,
    ...request,
  };
  const { files, load } = await planExport(model, whole, neverAborted, noProgress);
  for (const { name: part, plan } of files) await writeFile(join(folder, part), await joinChunks(plan.chunks()));
  return { file: join(folder, files[0].name), load };
}
