import type { ByteSource } from '../core/byteSource';
import { malformed, type QuantscopeError, unsupported } from '../core/errors';
import { latin1Text } from '../core/latin1Text';
import type { Format } from './types';

/** What else a file named like a model may be, by its first bytes. */
interface Look {
  readonly code: string;
  readonly test: RegExp;
  readonly message: string;
  readonly hint: string;
  readonly unsupported?: boolean;
}

/** Patterns over the prefix as latin-1 text, so that a character is a byte. */
const looks: readonly Look[] = [
  {
    code: 'E_LFS_POINTER',
    test: /^version https:\/\/git-lfs\.github\.com\/spec/,
    message: 'This is a Git LFS pointer, not the file itself.',
    hint: 'Run "git lfs pull" in the repository to fetch it.',
  },
  {
    code: 'E_TENSORFLOW',
    // SavedModel: schema version 1, then a MetaGraphDef; GraphDef: nodes with a name and an operator.
    test: /^\x08\x01\x12[\x80-\xff]*[\0-\x7f]\n|^\n[\x80-\xff]*[\0-\x7f]\n.[\w./-]+\x12.[A-Z]\w+/s,
    message: 'This is a TensorFlow model.',
    hint: 'Quantscope does not read this format; convert it with tf2onnx and open the result.',
    unsupported: true,
  },
  {
    code: 'E_PT_FLATBUFFER',
    test: /^.{4}PTMF/s,
    message: 'This is a TorchScript module for mobile in the flatbuffer format.',
    hint: 'Quantscope does not read this format; save it with _save_for_lite_interpreter without _use_flatbuffer, or open the module that it was made from.',
    unsupported: true,
  },
  {
    code: 'E_ORT',
    test: /^.{4}ORTM/s,
    message: 'This is a model in the ORT format of ONNX Runtime.',
    hint: 'Quantscope does not read this format; open the ONNX file that it was made from.',
    unsupported: true,
  },
  {
    code: 'E_ONNX_TEXT',
    test: /^\s*(<\s*ir_version\s*:|ir_version\s*:\s*\d)/,
    message: 'This is an ONNX model written as text.',
    hint: 'Open the binary file, or convert it with onnx.parser or google.protobuf.text_format.',
    unsupported: true,
  },
  {
    code: 'E_HDF5',
    test: /^\x89HDF\r\n/,
    message: 'This is an HDF5 file, as Keras writes them.',
    hint: 'Quantscope does not read this format.',
    unsupported: true,
  },
  {
    code: 'E_COMPRESSED',
    test: /^\x1f\x8b/,
    message: 'This file is compressed with gzip.',
    hint: 'Decompress it and open what is inside.',
  },
  {
    code: 'E_COMPRESSED',
    test: /^\x28\xb5\x2f\xfd/,
    message: 'This file is compressed with zstd.',
    hint: 'Decompress it and open what is inside.',
  },
  {
    code: 'E_COMPRESSED',
    test: /^\xfd7zXZ/,
    message: 'This file is compressed with xz.',
    hint: 'Decompress it and open what is inside.',
  },
  {
    code: 'E_COMPRESSED',
    test: /^BZh/,
    message: 'This file is compressed with bzip2.',
    hint: 'Decompress it and open what is inside.',
  },
  {
    code: 'E_COMPRESSED',
    test: /^7z\xbc\xaf/,
    message: 'This is a 7-Zip archive.',
    hint: 'Unpack it and open what is inside.',
  },
  {
    code: 'E_COMPRESSED',
    test: /^\x78[\x01\x9c\xda]/,
    message: 'This file is compressed with zlib.',
    hint: 'Decompress it and open what is inside.',
  },
  {
    code: 'E_TAR',
    test: /^.{257}ustar/s,
    message: 'This is a tar archive.',
    hint: 'Unpack it and open the model file inside.',
  },
  {
    code: 'E_ZIP_EMPTY',
    test: /^PK\x05\x06/,
    message: 'This is an empty ZIP archive.',
    hint: 'Check that this is the file you meant.',
  },
  {
    code: 'E_WEB_PAGE',
    test: /^(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)/i,
    message: 'This is a web page or an XML document, not a model.',
    hint: 'The download returned an error page; open the address in a browser to see it.',
  },
  {
    code: 'E_JSON',
    test: /^(\xef\xbb\xbf)?\s*[{[]/,
    message: 'This is JSON text, not a model.',
    hint: 'The download may have returned an error message; open the file as text to read it.',
  },
];

/** Whether the first bytes belong to something else than the format that the file's name promises. */
export function looksLikeElse(prefix: Uint8Array, source: ByteSource, { isText }: Format): boolean {
  const look = lookOf(prefix);
  if (isText) return !/^\s*\{/.test(latin1Text(prefix)) || (look !== undefined && look.code !== 'E_JSON');
  return look !== undefined || (source.size >= 8 && printableText(prefix) !== undefined);
}

function lookOf(prefix: Uint8Array): Look | undefined {
  const latin1 = latin1Text(prefix);
  return looks.find(({ test }) => test.test(latin1));
}

/**
 * The error for content that no format recognises: what it looks like, and what to do. `named` is
 * the format that the file's name promises.
 */
export function unknownContent(
  prefix: Uint8Array,
  source: ByteSource,
  formats: readonly Format[],
  named: Format | undefined,
): QuantscopeError {
  const where = { file: source.name, offset: 0 };
  const expected = expectation(formats, named);
  const behind = zipBehind(prefix);
  if (behind !== undefined) {
    return malformed('E_ZIP_PREFIX', 'A ZIP archive starts behind other bytes; PyTorch does not open such a file.', {
      where: { file: source.name, offset: behind },
      found: firstBytes(prefix),
      expected: 'an archive from the first byte on (50 4b 03 04)',
      hint: 'The file is damaged or made to look like two things; fetch it again from where it came from.',
    });
  }
  const look = lookOf(prefix);
  if (look !== undefined) {
    const make = look.unsupported ? unsupported : malformed;
    return make(look.code, look.message, { where, found: foundText(look, prefix), expected, hint: look.hint });
  }
  const begun = formats.find(({ magic }) => magic !== undefined && startsLike(prefix, source, magic));
  if (begun !== undefined) {
    return malformed('E_TRUNCATED', `The file starts like ${begun.name} and ends at byte ${source.size}.`, {
      where: { file: source.name, offset: source.size },
      found: firstBytes(prefix),
      expected: expectation(formats, begun),
      hint: 'The download or copy did not finish; fetch the file again.',
    });
  }
  const text = printableText(prefix);
  if (text !== undefined) {
    return malformed('E_TEXT', 'This is a text file, not a model.', {
      where,
      found: quoted(text),
      expected,
      hint: 'Check that this is the file you meant; open it as text to read it.',
    });
  }
  return malformed('E_UNKNOWN_FORMAT', 'This is not a model file that Quantscope knows.', {
    where,
    found: firstBytes(prefix),
    expected,
    hint: 'Check that this is the file you meant, and that its download or copy finished.',
  });
}

/** `GGUF (47 47 55 46)`, or the names of all formats where the file's name promises none. */
function expectation(formats: readonly Format[], named: Format | undefined): string {
  if (named?.magic !== undefined) return `${named.name} (${hexBytes(named.magic)})`;
  return named?.name ?? [...new Set(formats.map(({ name }) => name))].join(', ');
}

/** A file of fewer bytes than its magic has, and all of them right. */
function startsLike(prefix: Uint8Array, source: ByteSource, magic: readonly number[]): boolean {
  return source.size < magic.length && prefix.every((byte, i) => byte === magic[i]);
}

/** Where an archive starts behind other bytes, within the bytes that are looked at. */
function zipBehind(prefix: Uint8Array): number | undefined {
  const at = latin1Text(prefix).indexOf('PK\x03\x04');
  return at > 0 ? at : undefined;
}

function foundText(look: Look, prefix: Uint8Array): string {
  const latin1 = latin1Text(prefix);
  if (look.code === 'E_LFS_POINTER') return pointerDetails(latin1);
  return look.code === 'E_WEB_PAGE' || look.code === 'E_JSON' ? quoted(latin1) : firstBytes(prefix);
}

function pointerDetails(text: string): string {
  const oid = /oid (\S+)/.exec(text)?.[1] ?? 'unknown';
  const size = /size (\d+)/.exec(text)?.[1] ?? 'unknown';
  return `a pointer to ${oid.slice(0, 80)}, ${size.slice(0, 20)} bytes`;
}

/** The first 80 characters that can be shown. */
function quoted(text: string): string {
  return JSON.stringify(
    text
      .replace(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ')
      .trim()
      .slice(0, 80),
  );
}

function firstBytes(prefix: Uint8Array): string {
  return hexBytes([...prefix.subarray(0, 8)]);
}

function hexBytes(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function printableText(prefix: Uint8Array): string | undefined {
  // The prefix may end inside a character.
  const text = new TextDecoder().decode(prefix, { stream: true });
  return /^[\t\n\r\x20-\x7e\u00a0-\uffff]+$/.test(text) && !text.includes('\ufffd') ? text : undefined;
}
