import type { AbortCheck } from '../../core/abort';
import { neverAborted } from '../../core/abort';
import { QuantscopeError } from '../../core/errors';
import { bytesOf, itemsOf } from '../pickle/access';
import { kindOf } from '../pickle/kindOf';
import { readPickle } from '../pickle/read';
import { clip, displayName, judgeGlobals, worstFirst } from '../pickle/safety';
import { PickleCall, PickleGlobal, type PickleResult, PickleTuple, type PickleValue } from '../pickle/types';
import type { GlobalUse, NamedTensor, Warning } from '../types';
import { maxNesting } from './limits';

/** What a person is told of a pickle: who would run what, and what cannot be read. */

export interface Judged {
  readonly globals: readonly GlobalUse[];
  readonly warnings: readonly Warning[];
}

export function judgePickle(entry: string | undefined, result: PickleResult, depth = 0): Judged {
  const calls = [...callsIn(result)];
  const nested = nestedPickles(calls, depth);
  const globals = judgeGlobals(result.globals, benignCalls(result, calls, nested.sound));
  const warnings = [...dangerWarnings(globals, entry, result), ...nested.judged.flatMap((one) => one.warnings)];
  return { globals: worstFirst([...globals, ...nested.judged.flatMap((one) => one.globals)]), warnings };
}

/** Code of a TorchScript archive that reads or writes files, which is no pickle's doing. */
export function judgeFileCalls(calls: readonly GlobalUse[]): Judged {
  const warnings = calls.map(({ name, reason }) => ({ code: 'E_SCRIPT_FILES', message: `torch.${name}: ${reason}.` }));
  return { globals: calls, warnings };
}

/** A second pickle behind the first one's STOP, which some readers load. */
export function judgeBehind(bytes: Uint8Array, at: number, entry: string | undefined, abort: AbortCheck): Judged[] {
  if (at >= bytes.length) return [];
  try {
    return [judgePickle(entry, readPickle(bytes.subarray(at), entry, abort, { base: at, trailing: 'expected' }))];
  } catch (error) {
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
    return [];
  }
}

/** Functions whose argument is a pickle again. */
const nestedLoaders =
  /^(torch\.storage\._load_from_bytes|(_pickle|pickle|cPickle|_compat_pickle|dill|dill\._dill|cloudpickle|joblib)\.loads?)$/;

/** A stream of torch.save has five pickles; more in one string of bytes are not looked for. */
const maxPicklesInside = 6;

/** Judges pickles that stand inside this one, as data; `sound` are the calls that ask for nothing else. */
function nestedPickles(calls: readonly PickleCall[], depth: number) {
  const judged: Judged[] = [];
  const sound = new Set<PickleCall>();
  for (const call of calls) {
    if (!(call.callee instanceof PickleGlobal) || !nestedLoaders.test(call.callee.fullName)) continue;
    const bytes = bytesOf(itemsOf(call.args)[0]);
    if (bytes === undefined) continue;
    if (depth >= maxNesting) {
      judged.push(unjudged(`A pickle inside ${maxNesting} others was not judged.`));
      continue;
    }
    const inside = judgeInside(bytes, depth + 1);
    judged.push(...inside);
    const dangerous = inside.some(({ globals }) => globals.some(({ verdict }) => verdict === 'dangerous'));
    if (!dangerous && inside.length > 0) sound.add(call);
  }
  return { judged, sound };
}

function judgeInside(bytes: Uint8Array, depth: number): Judged[] {
  const judged: Judged[] = [];
  let at = 0;
  try {
    for (let i = 0; i < maxPicklesInside && at < bytes.length; i++) {
      const result = readPickle(bytes.subarray(at), undefined, neverAborted, { base: at, trailing: 'expected' });
      judged.push(judgePickle('a pickle inside', result, depth));
      at += result.length;
    }
  } catch (error) {
    // What follows the pickles of a stream are its storages.
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
  }
  return judged;
}

export function unjudged(message: string): Judged {
  return { globals: [], warnings: [{ code: 'E_PICKLE_UNJUDGED', message }] };
}

/**
 * Calls that are data, although their names are dangerous: `getattr(torch, 'contiguous_format')`,
 * as PyTorch 2.6 writes a memory format, and `_load_from_bytes` of a stream that asks for nothing.
 * Only a name that is used for nothing else, not even in a value that is thrown away, is harmless.
 */
function benignCalls(
  { globals }: PickleResult,
  calls: readonly PickleCall[],
  sound: ReadonlySet<PickleCall>,
): ReadonlySet<PickleGlobal> {
  const uses = new Map<PickleGlobal, number>();
  for (const call of calls) {
    const { callee } = call;
    if (!(callee instanceof PickleGlobal)) continue;
    const stream = callee.fullName === 'torch.storage._load_from_bytes' && sound.has(call);
    if (stream || isMemoryFormat(call)) uses.set(callee, (uses.get(callee) ?? 0) + 1);
  }
  const benign = new Set<PickleGlobal>();
  for (const { global, pushes } of globals) if (uses.get(global) === pushes) benign.add(global);
  return benign;
}

/** Every call that the root reaches, once. */
function* callsIn({ root, shared }: PickleResult): Generator<PickleCall> {
  const seen = new Set<PickleValue>();
  const stack: PickleValue[] = [root];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    if (shared.has(value)) {
      if (seen.has(value)) continue;
      seen.add(value);
    }
    if (value instanceof PickleCall) yield value;
    pushInside(value, stack);
  }
}

function pushInside(value: PickleValue & object, stack: PickleValue[]): void {
  if (value instanceof PickleCall) {
    stack.push(value.args);
    if (value.state !== undefined) stack.push(value.state);
  }
  if ('items' in value) for (const item of value.items) stack.push(item);
  if ('entries' in value && Array.isArray(value.entries))
    for (const [key, item] of value.entries) stack.push(key, item);
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
function callTexts(result: PickleResult): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { callee, args } of callsIn(result)) {
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
