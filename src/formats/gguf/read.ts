import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { malformed, QuantscopeError } from '../../core/errors';
import { quotedNames } from '../../core/text';
import type { ModelFile, StorageRecord, TensorRecord, Warning } from '../types';
import { readHeader } from './header';
import { llamaNameBytes } from './limits';
import { readRun, readValues } from './readTensor';
import { inOrder, type Payload, type Placed, placeTensors } from './records';
import { openOtherParts, splitPlace } from './split';
import type { GgufHeader, GgufPart } from './types';

/** Opens a GGUF file, and the other parts of a split one: reads headers only. */
export async function openGguf(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  const first: GgufPart = { source, header: await readHeader(source, abort) };
  const others = await openOtherParts(first, abort);
  const parts = [first, ...others.parts];
  const byPart = parts.map((part) => ({ part, placed: placeTensors(part) }));
  const { tensors, twice } = merge(byPart.flatMap(({ placed }) => placed));
  const payloads = new Map<StorageRecord, Payload>();
  for (const { record, payload } of tensors) if (payload !== undefined) payloads.set(record.storage, payload);
  const payloadOf = ({ problem, storage }: TensorRecord): Payload => {
    if (problem !== undefined) throw new QuantscopeError(problem);
    const payload = payloads.get(storage);
    if (payload === undefined) throw malformed('E_GGUF_OFFSET', 'The tensor is none of this file.');
    return payload;
  };
  const unordered = byPart.filter(({ part, placed }) => !inOrder(part, placed)).map(({ part }) => part.source.name);
  return {
    format: 'gguf',
    label: labelOf(first.header),
    bytes: parts.reduce((total, part) => total + part.source.size, 0),
    tensors: tensors.map(({ name, record }) => ({ name, tensor: record })),
    metadata: metadataOf(first.header),
    moduleVersions: new Map(),
    moduleTypes: new Map(),
    warnings: [...others.warnings, ...warningsOf(parts, tensors, twice, unordered)],
    safety: { verdict: 'safe', globals: [] },
    opaque: [],
    readTensor: async (tensor, check) => readValues(payloadOf(tensor), tensor, check),
    readRange: async (tensor, start, count, check, into) =>
      readRun(payloadOf(tensor), tensor.storageOffset + start, count, check, into),
  };
}

/** Tensors of all parts; of two with one name the first. */
function merge(placed: readonly Placed[]): { tensors: Placed[]; twice: string[] } {
  const byName = new Map<string, Placed>();
  const twice: string[] = [];
  for (const one of placed) {
    if (byName.has(one.name)) twice.push(one.name);
    else byName.set(one.name, one);
  }
  return { tensors: [...byName.values()], twice };
}

function labelOf(header: GgufHeader): string {
  const architecture = header.keyValues.get('general.architecture')?.text.slice(0, 40);
  const place = splitPlace(header);
  const part = place === undefined ? '' : `, part ${place.index + 1} of ${place.count}`;
  return `GGUF model${architecture === undefined ? '' : `, ${architecture}`}${part}`;
}

/** A key as it is shown. */
const maxKeyText = 1_024;

function metadataOf({ version, bigEndian, alignment, keyValues }: GgufHeader): Record<string, string> {
  return Object.fromEntries([
    ['GGUF', `version ${version}, ${bigEndian ? 'big' : 'little'} endian, aligned to ${alignment} bytes`],
    ...[...keyValues.values()].map(({ key, text }) => [
      key.length > maxKeyText ? `${key.slice(0, maxKeyText)}…` : key,
      text,
    ]),
  ]);
}

function warningsOf(
  parts: readonly GgufPart[],
  tensors: readonly Placed[],
  twice: readonly string[],
  unordered: readonly string[],
): Warning[] {
  const warnings: Warning[] = [];
  const add = (code: string, message: string) => warnings.push({ code, message });
  const tables = parts.flatMap(({ header }) => header.tensors);
  if (twice.length > 0) add('E_GGUF_DUPLICATE', `Two parts have a tensor of one name: ${quotedNames(twice)}.`);
  if (unordered.length > 0)
    add(
      'E_GGUF_ORDER',
      `The tensors of ${quotedNames(unordered)} have gaps or another order than their table; llama.cpp refuses this.`,
    );
  const long = tables.filter(({ nameBytes }) => nameBytes >= llamaNameBytes).map(({ name }) => name);
  if (long.length > 0)
    add('E_GGUF_NAME', `Names of ${llamaNameBytes} bytes and more, which llama.cpp refuses: ${quotedNames(long)}.`);
  const broken = tensors.filter(({ record }) => record.problem !== undefined);
  for (const code of new Set(broken.map(({ record }) => record.problem?.code ?? ''))) {
    const list = broken.filter(({ record }) => record.problem?.code === code);
    const [first] = list;
    const more = list.length > 1 ? ` (and ${list.length - 1} more)` : '';
    add(code, `${quotedNames([first.name])}${more} cannot be read: ${first.record.problem?.message}`);
  }
  return warnings;
}
