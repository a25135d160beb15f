import { malformed } from './errors';
import { quotedName } from './text';

/** Longer names than this are no file names; the paths of real shards have some 40 bytes. */
const maxNameLength = 1_024;

/** Windows opens a device for these names in any folder and with any extension. */
const devices = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(\..*)?$/i;

/** Why the parts of a path cannot be trusted, on any platform: a file moves between them. */
const rules: readonly (readonly [string, (name: string) => boolean])[] = [
  ['it is empty', (name) => name === ''],
  [`it has more than ${maxNameLength} characters`, (name) => name.length > maxNameLength],
  ['it contains control characters', (name) => /[\0-\x1f\x7f]/.test(name)],
  ['it contains a backslash', (name) => name.includes('\\')],
  ['it contains a colon, as addresses, drives and streams do', (name) => name.includes(':')],
  ['it contains an encoded dot or slash', (name) => /%(2e|2f|5c|25)/i.test(name)],
  ['it starts at the root of the file system', (name) => name.startsWith('/')],
  ['it starts at the home folder', (name) => name.startsWith('~')],
  ['a part of it is "." or ".."', (name) => parts(name).some((part) => part === '.' || part === '..')],
  ['a part of it is empty', (name) => parts(name).includes('')],
  ['a part of it ends with a dot or a space', (name) => parts(name).some((part) => /[. ]$/.test(part))],
  ['a part of it is the name of a device', (name) => parts(name).some((part) => devices.test(part))],
];

function parts(name: string): string[] {
  return name.split('/');
}

/**
 * Refuses a name that a model file gives to another file unless it can only mean a file below
 * the same folder, by the rules of every platform: throws `E_SIBLING_PATH`. Touches nothing.
 */
export function checkSiblingName(name: string): void {
  const rule = rules.find(([, broken]) => broken(name));
  if (rule === undefined) return;
  throw siblingPath(name, `The file names another file that may not be read: ${rule[0]}.`);
}

/** The error for a name that leads, or would lead, out of the model's folder. */
export function siblingPath(name: string, message: string) {
  return malformed('E_SIBLING_PATH', message, {
    found: quotedName(name),
    expected: 'the name of a file in the same folder',
    hint: 'A sound model keeps its parts beside it; do not trust this one.',
  });
}
