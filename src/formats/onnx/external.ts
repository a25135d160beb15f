import type { ByteSource } from '../../core/byteSource';
import { type ErrorDetails, malformed } from '../../core/errors';
import { maxExternalFiles } from './limits';
import type { OnnxEntry, OnnxTensor } from './types';

/** Where a tensor's bytes are in another file. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  /** Undefined when the file leaves it to the shape. */
  readonly length: number | undefined;
}

const knownKeys: ReadonlySet<string> = new Set(['location', 'offset', 'length', 'checksum', 'basepath']);

/** `external_data` as numbers, or the tensor's problem. Only plain decimals are numbers. */
export function parseExternal({ externalData, region }: OnnxTensor): ExternalData | ErrorDetails {
  const byKey = new Map<string, string>();
  for (const { key, value } of externalData) {
    if (byKey.has(key)) return problem('comes twice', key, value, 'each key once', region.offset);
    byKey.set(key, value);
  }
  const numbers: number[] = [];
  for (const key of ['offset', 'length']) {
    const text = byKey.get(key);
    if (text === undefined) continue;
    if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text)))
      return problem('is no byte count', key, text, 'a decimal number below 2^53', region.offset);
    numbers.push(Number(text));
  }
  const length = byKey.has('length') ? numbers.at(-1) : undefined;
  return { location: byKey.get('location') ?? '', offset: byKey.has('offset') ? numbers[0] : 0, length };
}

/** Keys that ONNX does not know: listed and otherwise ignored. */
export function unknownKeys(entries: readonly OnnxEntry[]): string[] {
  return entries.map(({ key }) => key).filter((key) => !knownKeys.has(key));
}

function problem(what: string, key: string, found: string, expected: string, offset: number): ErrorDetails {
  return {
    code: 'E_ONNX_EXTERNAL',
    kind: 'malformed',
    message: `The external data's ${JSON.stringify(key.slice(0, 80))} ${what}.`,
    where: { offset, field: `external_data.${key.slice(0, 80)}` },
    found: JSON.stringify(found.slice(0, 80)),
    expected,
  };
}

/** The files beside the model, each looked for once. */
export class ExternalFiles {
  private readonly files = new Map<string, ByteSource | undefined>();

  constructor(private readonly source: ByteSource) {}

  /** Names of the files that have another name elsewhere on the disk. */
  hardLinked(): string[] {
    return [...this.files].filter(([, file]) => file?.hardLinked === true).map(([name]) => name);
  }

  /**
   * The file of that name, or undefined when it is missing. A name that leaves the model's folder
   * throws `E_SIBLING_PATH`, and nothing is touched.
   */
  async open(location: string, offset: number): Promise<ByteSource | undefined> {
    if (this.files.has(location)) return this.files.get(location);
    if (location === '') {
      throw malformed('E_SIBLING_PATH', 'A tensor is in another file, but the model does not say in which.', {
        where: { offset, field: 'external_data.location' },
        found: 'an empty name',
        expected: 'the name of a file beside the model',
      });
    }
    if (this.files.size >= maxExternalFiles) {
      throw malformed('E_ONNX_LIMIT', 'The model spreads over more files than Quantscope opens.', {
        where: { offset, field: 'external_data.location' },
        found: `more than ${maxExternalFiles} files`,
        expected: `at most ${maxExternalFiles}`,
      });
    }
    const file = await this.source.sibling?.(location);
    this.files.set(location, file);
    return file;
  }
}
