import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { joinChunks } from '../../src/core/byteChunks';
import { noProgress } from '../../src/core/progress';
import { type PlannedExport, planExport } from '../../src/model/export/exportModel';
import type { Model } from '../../src/model/openModel';
import type { ExportRequestDto } from '../../src/protocol/exportDto';

/** A request for a float state dict in the container of 1.13, with changes. */
export function exportRequest(target: string, changes: Partial<ExportRequestDto> = {}): ExportRequestDto {
  return {
    target,
    format: 'torch',
    spec: null,
    torchStyle: '1.13',
    layout: 'state_dict',
    module: '',
    shardBytes: 5e9,
    reduceRange: false,
    overwrite: true,
    ...changes,
  };
}

/** Plans an export: a float state dict, unless the request says otherwise. */
export function plannedExport(
  model: Model,
  target: string,
  request: Partial<ExportRequestDto>,
): Promise<PlannedExport> {
  return planExport(model, exportRequest(target, request), neverAborted, noProgress);
}

/** The files of an export in memory, in their order. */
export async function exportBytes(
  model: Model,
  target: string,
  request: Partial<ExportRequestDto>,
): Promise<Uint8Array[]> {
  const { files } = await plannedExport(model, target, request);
  const written: Uint8Array[] = [];
  for (const { plan } of files) written.push(await joinChunks(plan.chunks()));
  return written;
}

/** Writes an export into a folder; gives the path of the file to open and the lines that load it. */
export async function writeExport(
  folder: string,
  model: Model,
  name: string,
  request: Partial<ExportRequestDto>,
): Promise<{ readonly file: string; readonly load: string }> {
  await mkdir(folder, { recursive: true });
  const { files, load } = await plannedExport(model, name, request);
  for (const { name: part, plan } of files) await writeFile(join(folder, part), await joinChunks(plan.chunks()));
  return { file: join(folder, files[0].name), load };
}
