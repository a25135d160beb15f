import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { invalid, QuantscopeError } from '../../core/errors';
import type { GlobalUse, PlainValue } from '../types';
import { readEntry, readHead } from '../zip/read';
import type { ZipEntry } from '../zip/types';
import { maxScriptBytes, maxSourceBytes } from './limits';

/**
 * TorchScript keeps the code of its modules beside their data. It is text to read: nothing here
 * or anywhere else in Quantscope runs it.
 */

export type Constants = Readonly<Record<string, PlainValue>>;

/** The archive's sources, by their names without the archive's own folder. */
export function scriptSources(entries: readonly ZipEntry[], prefix: string): Map<string, ZipEntry> {
  const sources = new Map<string, ZipEntry>();
  for (const entry of entries) {
    const { name } = entry;
    if (!name.startsWith(`${prefix}code/`) || !name.endsWith('.py')) continue;
    const short = name.slice(prefix.length);
    if (!sources.has(short)) sources.set(short, entry);
  }
  return sources;
}

/** A source as text; more than a person reads is cut off and says so. */
export async function readScriptSource(
  source: ByteSource,
  sources: ReadonlyMap<string, ZipEntry>,
  name: string,
): Promise<{ text: string; truncated: boolean }> {
  const entry = sources.get(name);
  if (entry === undefined) {
    throw invalid('E_NO_SOURCE', `The file has no source named ${JSON.stringify(name.slice(0, 200))}.`);
  }
  const bytes = await readHead(source, entry, maxSourceBytes);
  return { text: new TextDecoder().decode(bytes), truncated: bytes.length < entry.size };
}

/** What the sources of an archive tell on opening. */
export interface ScriptFacts {
  /**
   * The constants of every class: a scripted LSTM has `hidden_size : Final[int] = 64` in its source
   * and not in its data. By the class's full name, with the numbers that tell copies apart.
   */
  readonly constants: ReadonlyMap<string, Constants>;
  /** Operators that read or write files, where the code calls them. */
  readonly fileCalls: readonly GlobalUse[];
}

export async function scriptFacts(
  source: ByteSource,
  sources: ReadonlyMap<string, ZipEntry>,
  abort: AbortCheck,
): Promise<ScriptFacts> {
  const constants = new Map<string, Constants>();
  const calls: GlobalUse[] = [];
  let bytes = 0;
  for (const [name, entry] of sources) {
    abort.throwIfAborted();
    bytes += entry.size;
    if (bytes > maxScriptBytes) break;
    try {
      const text = new TextDecoder().decode(await readEntry(source, entry, maxScriptBytes));
      const module = name.slice('code/'.length, -'.py'.length).replaceAll('/', '.');
      for (const [className, values] of classConstants(text)) constants.set(`${module}.${className}`, values);
      if (calls.length < maxFileCalls) calls.push(...fileCalls(text, name));
    } catch (error) {
      // A damaged source costs hyperparameters, not the model; opening the source says what is wrong.
      if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
    }
  }
  return { constants, fileCalls: calls.slice(0, maxFileCalls) };
}

/** More than a person reads. */
const maxFileCalls = 20;

const fileOperators: ReadonlyMap<string, string> = new Map([
  ['save', 'writes a file'],
  ['from_file', 'maps a file into memory, which it may write to'],
]);

/** `torch.save(…)` and `torch.from_file(…)` in the text of one source, as TorchScript spells them. */
export function fileCalls(text: string, name: string): GlobalUse[] {
  const calls: GlobalUse[] = [];
  for (const { index, 1: operator } of text.matchAll(/(?<![\w.])(?:torch|ops\.aten)\.(save|from_file)\(/g)) {
    const start = text.lastIndexOf('\n', index) + 1;
    const before = text.slice(Math.max(start, index - maxLine), index);
    if (/^\s*#/.test(before) || insideText(before)) continue;
    const reason = `${name.slice(0, 80)} ${fileOperators.get(operator)} when the model is run; Quantscope does not run it`;
    calls.push({ module: 'torch', name: operator, offset: index, use: 'called', verdict: 'suspicious', reason });
    if (calls.length === maxFileCalls) break;
  }
  return calls;
}

/** Characters of a line that are looked at before a call. */
const maxLine = 1_000;

/** Whether a line's beginning ends inside a string. */
function insideText(line: string): boolean {
  return /["']/.test(line.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, ''));
}

/** `name : Final[type] = literal` of every class in one source. */
export function classConstants(text: string): Map<string, Constants> {
  const classes = new Map<string, Record<string, PlainValue>>();
  let current: Record<string, PlainValue> | undefined;
  for (const line of text.split('\n')) {
    const opened = /^class (\w{1,200})\(/.exec(line);
    if (opened !== null) {
      current = Object.create(null) as Record<string, PlainValue>;
      classes.set(opened[1], current);
      continue;
    }
    const constant = line.length > 1_000 ? null : /^ {2}(\w+) : Final\[.*\] = (.*)$/.exec(line);
    if (constant === null || current === undefined) continue;
    const value = literal(constant[2]);
    if (value !== undefined) current[constant[1]] = value;
  }
  return classes;
}

/** TorchScript's spelling of a number, text or flat tuple; undefined for anything else. */
function literal(text: string): PlainValue | undefined {
  if (text === 'None') return null;
  if (text === 'True' || text === 'False') return text === 'True';
  if (/^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) return Number(text);
  const quoted = /^"([^"\\]*)"$/.exec(text) ?? /^'([^'\\]*)'$/.exec(text);
  if (quoted !== null) return quoted[1];
  const items = /^[([](.*)[)\]]$/.exec(text)?.[1];
  if (items === undefined || /[([\])]/.test(items)) return undefined;
  const values = items
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
    .map(literal);
  return values.every((value) => value !== undefined) ? values : undefined;
}
