import { unsupported } from '../core/errors';
import { type OpenSource, withSource } from './openSource';

/** The text of a file of at most `limit` bytes; a larger one is refused by this code and sentence. */
export function readText(
  openSource: OpenSource,
  path: string,
  limit: number,
  [code, message]: readonly [code: string, message: string],
): Promise<string> {
  return withSource(openSource, path, async (file) => {
    if (file.size > limit) {
      throw unsupported(code, message, {
        where: { file: file.name },
        found: `${file.size} bytes`,
        expected: `at most ${limit}`,
      });
    }
    return new TextDecoder().decode(await file.read(0, file.size));
  });
}
