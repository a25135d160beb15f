import type { AbortCheck } from '../../core/abort';
import { QuantscopeError } from '../../core/errors';
import type { Warning } from '../types';
import { readHeader } from './header';
import { maxParts } from './limits';
import type { GgufHeader, GgufPart } from './types';

/** Which part of how many a file says to be. */
export interface SplitPlace {
  /** Counted from 0. */
  readonly index: number;
  readonly count: number;
}

/** `split.no` and `split.count` of the metadata; undefined for a file that is whole. */
export function splitPlace({ keyValues }: GgufHeader): SplitPlace | undefined {
  const index = keyValues.get('split.no')?.value;
  const count = keyValues.get('split.count')?.value;
  if (typeof count !== 'number' || count < 2) return undefined;
  return { index: typeof index === 'number' ? index : 0, count };
}

const partName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i;

/** The name of another part: `model-00002-of-00003.gguf`. */
export function siblingName(name: string, index: number): string | undefined {
  const match = partName.exec(name);
  if (match === null) return undefined;
  return `${match[1]}-${String(index + 1).padStart(5, '0')}-of-${match[3]}.gguf`;
}

export interface OtherParts {
  readonly parts: readonly GgufPart[];
  readonly warnings: readonly Warning[];
}

/**
 * The other parts of a split model, as llama.cpp opens them: from the first part, by name. What
 * cannot be opened is named in a warning, and the rest is shown.
 */
export async function openOtherParts({ source, header }: GgufPart, abort: AbortCheck): Promise<OtherParts> {
  const place = splitPlace(header);
  const named = partName.exec(source.name);
  const inName: SplitPlace | undefined =
    named === null ? undefined : { index: Number(named[2]) - 1, count: Number(named[3]) };
  if (place === undefined) {
    const odd = inName !== undefined && inName.count !== 1;
    return { parts: [], warnings: odd ? [nameWarning(source.name, 'says nothing of parts')] : [] };
  }
  if (place.index >= place.count)
    return {
      parts: [],
      warnings: [warning('E_GGUF_SPLIT', `The file says to be part ${place.index + 1} of ${place.count}.`)],
    };
  const said = `part ${place.index + 1} of ${place.count}`;
  if (inName === undefined || inName.index !== place.index || inName.count !== place.count)
    return { parts: [], warnings: [nameWarning(source.name, `says to be ${said}`)] };
  if (place.index > 0)
    return {
      parts: [],
      warnings: [warning('E_GGUF_SPLIT', `This is ${said} of a model; open the first part to see all of them.`)],
    };
  if (place.count > maxParts)
    return {
      parts: [],
      warnings: [warning('E_GGUF_LIMIT', `The model has ${place.count} parts; ${maxParts} are opened together.`)],
    };
  return openFrom({ source, header }, place.count, abort);
}

async function openFrom({ source }: GgufPart, count: number, abort: AbortCheck): Promise<OtherParts> {
  const parts: GgufPart[] = [];
  const missing: string[] = [];
  const warnings: Warning[] = [];
  for (let index = 1; index < count; index++) {
    const name = siblingName(source.name, index) ?? '';
    const bad = (what: string) => warnings.push(warning('E_GGUF_SPLIT', `${JSON.stringify(name)} ${what}.`));
    try {
      const other = await source.sibling?.(name);
      if (other === undefined) {
        missing.push(name);
        continue;
      }
      const header = await readHeader(other, abort);
      const place = splitPlace(header);
      if (place?.index !== index || place.count !== count) bad(`is not part ${index + 1} of ${count}`);
      else parts.push({ source: other, header });
    } catch (error) {
      if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
      bad(`cannot be read: ${error.message}`);
    }
  }
  if (missing.length > 0) {
    const more = missing.length > 1 ? ` and ${missing.length - 1} more parts` : '';
    warnings.push(
      warning(
        'E_GGUF_SPLIT_MISSING',
        `${JSON.stringify(missing[0])}${more} of the model’s ${count} parts are not beside this file; their tensors are not shown.`,
      ),
    );
  }
  return { parts, warnings };
}

function warning(code: string, message: string): Warning {
  return { code, message };
}

function nameWarning(name: string, said: string): Warning {
  return warning('E_GGUF_SPLIT_NAME', `The file is named ${JSON.stringify(name.slice(0, 200))} but ${said}.`);
}
