import { type AbortCheck, neverAborted } from '../../src/core/abort';
import { openModel } from '../../src/model/openModel';
import { type FileSource, openFileSource } from '../../src/worker/fileSource';
import { Forwards } from '../../src/worker/forwards';

const opened: FileSource[] = [];

/** The forward passes of a file, as the engine's thread opens it; `closeForwards` closes the file. */
export async function openForwards(path: string, abort: AbortCheck = neverAborted): Promise<Forwards> {
  const source = await openFileSource(path);
  opened.push(source);
  return new Forwards(await openModel(source, neverAborted), path, openFileSource, abort);
}

/** For `afterEach`. */
export async function closeForwards(): Promise<void> {
  for (const source of opened.splice(0)) await source.close();
}
