/**
 * Where a Python source defines classes below nn.Module, told from the heads of the classes alone:
 * to offer them by name and line. Whether one of them can run is found out when it is built.
 */
export interface ClassHead {
  readonly name: string;
  /** From 0. */
  readonly line: number;
}

/** A longer source is not looked through: this runs for every open file. */
export const maxScannedText = 2 * 1024 * 1024;
const maxHeads = 500;

const head = /^[ \t]*class[ \t]+([A-Za-z_]\w{0,200})[ \t]*\(([^()]{0,500}(?:\([^()]{0,200}\)[^()]{0,500})?)\)[ \t]*:/gm;
/** Names under which torch.nn.Module, and classes that are modules, are known. */
const moduleBase = /(^|[\s,.])(Module|Sequential|ModuleList|ModuleDict|LightningModule|PreTrainedModel)\s*(,|$|\[)/;

/** The classes in the order of the text; a class below one of them counts too. */
export function findModuleClasses(text: string): ClassHead[] {
  if (text.length > maxScannedText) return [];
  const found: ClassHead[] = [];
  const names = new Set<string>();
  let line = 0;
  let at = 0;
  for (const match of text.matchAll(head)) {
    const [whole, name, bases] = match;
    const start = match.index + whole.search(/\S/);
    const below = bases.split(',').some((base) => names.has(base.trim().replace(/\[.*$/, '')));
    if (!below && !moduleBase.test(bases.trim())) continue;
    for (; at < start; at++) if (text.charCodeAt(at) === 10) line++;
    names.add(name);
    found.push({ name, line });
    if (found.length === maxHeads) break;
  }
  return found;
}
