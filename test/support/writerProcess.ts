import { createHash } from 'node:crypto';
import { neverAborted } from '../../src/core/abort';
import { writeFileAtomically } from '../../src/worker/writeFile';

/** Bytes of the file that the process of a kill test writes over and over. */
export const writtenBytes = 4 * 1024 * 1024;
const chunkBytes = 64 * 1024;

async function* content(letter: string): AsyncIterable<Uint8Array> {
  for (let at = 0; at < writtenBytes; at += chunkBytes) yield Buffer.alloc(chunkBytes, letter);
}

/** The digest of a whole file of this letter. */
export function contentDigest(letter: string): string {
  return createHash('sha256').update(Buffer.alloc(writtenBytes, letter)).digest('hex');
}

/** Writes the target with one content after the other until it is killed; says when it begins. */
async function writeForever(target: string): Promise<never> {
  process.stdout.write('ready\n');
  for (let i = 0; ; i++) await writeFileAtomically(target, content('ab'[i % 2]), neverAborted);
}

if (require.main === module) void writeForever(process.argv[2]);
