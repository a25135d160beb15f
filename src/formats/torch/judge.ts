import { kindOf } from '../pickle/read';
import { clip, displayName, judgeGlobals } from '../pickle/safety';
import { PickleCall, PickleGlobal, type PickleResult, PickleTuple, type PickleValue } from '../pickle/types';
import type { GlobalUse, NamedTensor, Warning } from '../types';

/** What a person is told of a pickle: who would run what, and what cannot be read. */

/** More warnings than a person reads; a hostile archive can cause millions. */
const maxWarnings = 100;

export function capped(warnings: readonly Warning[]): Warning[] {
  if (warnings.length <= maxWarnings) return [...warnings];
  const more = warnings.length - maxWarnings;
  return [...warnings.slice(0, maxWarnings), { code: 'E_PT_LIMIT', message: `There are ${more} more warnings.` }];
}

export interface Judged {
  readonly globals: readonly GlobalUse[];
  readonly warnings: readonly Warning[];
}

export function judgePickle(entry: string | undefined, result: PickleResult): Judged {
  const globals = judgeGlobals(result.globals, benignCalls(result));
  return { globals, warnings: dangerWarnings(globals, entry, result) };
}

export function unjudged(message: string): Judged {
  return { globals: [], warnings: [{ code: 'E_PICKLE_UNJUDGED', message }] };
}

/**
 * `getattr(torch, 'contiguous_format')` is how PyTorch 2.6 writes a memory format: data, not danger.
 * Only a name that is used for nothing else, not even in a value that is thrown away, is harmless.
 */
function benignCalls({ root, globals }: PickleResult): ReadonlySet<PickleGlobal> {
  const benign = new Set<PickleGlobal>();
  if (!globals.some(({ global }) => global.name === 'getattr')) return benign;
  const formats = new Map<PickleGlobal, number>();
  for (const call of callsIn(root)) {
    const { callee } = call;
    if (callee instanceof PickleGlobal && isMemoryFormat(call)) formats.set(callee, (formats.get(callee) ?? 0) + 1);
  }
  for (const { global, pushes } of globals) if (formats.get(global) === pushes) benign.add(global);
  return benign;
}

/** Every call that the root reaches, once. */
function* callsIn(root: PickleValue): Generator<PickleCall> {
  const seen = new Set<PickleValue>();
  const stack: PickleValue[] = [root];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof PickleCall) yield value;
    for (const inside of insideOf(value)) stack.push(inside);
  }
}

function insideOf(value: PickleValue): PickleValue[] {
  if (value instanceof PickleTuple) return [...value.items];
  if (value instanceof PickleCall)
    return [value.args, ...(value.state === undefined ? [] : [value.state]), ...value.items, ...value.entries.flat()];
  if (typeof value === 'object' && value !== null && 'entries' in value && Array.isArray(value.entries))
    return value.entries.flat();
  if (typeof value === 'object' && value !== null && 'items' in value) return [...(value.items as PickleValue[])];
  return [];
}

function isMemoryFormat({ callee, args }: PickleCall): boolean {
  if (!(callee instanceof PickleGlobal && callee.name === 'getattr' && /^(builtins|__builtin__)$/.test(callee.module)))
    return false;
  const [owner, attribute] = args instanceof PickleTuple ? args.items : [];
  const ofTorch = owner instanceof PickleGlobal && /^torch(\._utils\.torch)?$/.test(owner.fullName);
  return ofTorch && /^(contiguous_format|channels_last|channels_last_3d|preserve_format)$/.test(String(attribute));
}

function dangerWarnings(globals: readonly GlobalUse[], entry: string | undefined, result: PickleResult): Warning[] {
  const dangerous = globals.filter(({ verdict }) => verdict === 'dangerous');
  if (dangerous.length === 0) return [];
  const calls = callTexts(result);
  return dangerous.map(({ module, name, offset, use }) => ({
    code: 'E_PICKLE_DANGEROUS',
    message: `This file asks Python to run ${displayName(module, name)}. Quantscope did not run it. It stands in ${entry ?? 'the file'} at byte ${offset}${use === 'called' ? ` as ${calls.get(`${module}\n${name}`) ?? `${clip(`${module}.${name}`)}(…)`}` : ', named but not called'}. torch.load with weights_only=False would run it.`,
  }));
}

const maxArgumentText = 120;

/** `posix.system("echo")` by module and name, as far as the arguments are plain. */
function callTexts({ root }: PickleResult): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { callee, args } of callsIn(root)) {
    if (!(callee instanceof PickleGlobal)) continue;
    const key = `${callee.module}\n${callee.name}`;
    if (!texts.has(key)) texts.set(key, `${clip(callee.fullName)}(${argumentText(args)})`);
  }
  return texts;
}

function argumentText(args: PickleValue): string {
  const items = args instanceof PickleTuple ? args.items : [args];
  const texts = items.slice(0, maxArgumentText).map((arg) => {
    if (typeof arg === 'string') return JSON.stringify(arg.slice(0, maxArgumentText));
    return typeof arg === 'number' ? String(arg) : kindOf(arg);
  });
  return texts.join(', ').slice(0, maxArgumentText);
}

/** One warning for all tensors that cannot be read; each says its own reason where it is looked at. */
export function problemWarnings(tensors: readonly NamedTensor[]): Warning[] {
  const broken = tensors.filter(({ tensor }) => tensor.problem !== undefined);
  if (broken.length === 0) return [];
  const [first] = broken;
  const more = broken.length > 1 ? ` (and ${broken.length - 1} more)` : '';
  return [
    {
      code: first.tensor.problem?.code ?? 'E_TENSOR',
      message: `${clip(first.name)}${more} cannot be read: ${first.tensor.problem?.message}`,
    },
  ];
}
