import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The standard library of AssemblyScript is compiled into the kernels. */
const compiledIn = ['assemblyscript'];

/**
 * The licences of everything that the bundles of esbuild's `metafiles` hold, as their authors ask for it, in `file`:
 * found from what was really bundled, so that a new dependency cannot be forgotten. Fails for one without a licence.
 */
export async function writeNotices(metafiles, file) {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const packages = inputs.map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  const folders = new Set([...packages, ...compiledIn.map((name) => `node_modules/${name}`)]);
  const notices = await Promise.all([...folders].filter((folder) => folder !== undefined).map(notice));
  await writeFile(file, `${notices.sort().join(`\n${'-'.repeat(80)}\n`)}`);
}

async function notice(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const names = (await readdir(folder)).filter((entry) => /^(licen[cs]e|notice)/i.test(entry)).sort();
  if (license === undefined && names.length === 0) throw new Error(`${name} says no licence`);
  const texts = await Promise.all(names.map((entry) => readFile(join(folder, entry), 'utf8')));
  return [`${name} ${version}, ${license}`, ...texts.map((text) => text.trim())].join('\n\n').concat('\n');
}
