import type { ByteSource } from '../core/byteSource';
import { malformed, type QuantscopeError, unsupported } from '../core/errors';
import { latin1Text } from '../core/latin1Text';

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
    code: 'E_PT_LEGACY',
    test: /^\x80[\x02-\x05](\x95.{8})?\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19/s,
    message: 'This file was saved by PyTorch before 1.6, in the old stream format.',
    hint: 'Load it in PyTorch and save it again; Quantscope does not read this format yet.',
    unsupported: true,
  },
  {
    code: 'E_GGUF',
    test: /^GGUF/,
    message: 'This is a GGUF file.',
    hint: 'Quantscope does not read this format yet.',
    unsupported: true,
  },
  {
    code: 'E_SAFETENSORS',
    // Eight bytes of header length, which stays below 4 GB; text has no zeros there.
    test: /^.{4}\0{4}\s*\{\s*"/s,
    message: 'This looks like a safetensors file.',
    hint: 'Quantscope does not read this format yet.',
    unsupported: true,
  },
  {
    code: 'E_NPY',
    test: /^\x93NUMPY/,
    message: 'This is a NumPy array.',
    hint: 'Quantscope does not read this format yet.',
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
    code: 'E_ZIP_EMPTY',
    test: /^PK\x05\x06/,
    message: 'This is an empty ZIP archive.',
    hint: 'Check that this is the file you meant.',
  },
  {
    code: 'E_PICKLE_BARE',
    test: /^\x80[\x02-\x05]/,
    message: 'This is a bare Python pickle, not a file that torch.save wrote.',
    hint: 'Load it in Python and save it with torch.save; Quantscope does not read this format yet.',
    unsupported: true,
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

/** The error for content that no format recognises: what it looks like, and what to do. */
export function unknownContent(prefix: Uint8Array, source: ByteSource): QuantscopeError {
  const latin1 = latin1Text(prefix);
  const look = looks.find(({ test }) => test.test(latin1));
  const where = { file: source.name, offset: 0 };
  if (look !== undefined) {
    const make = look.unsupported ? unsupported : malformed;
    const found = look.code === 'E_LFS_POINTER' ? pointerDetails(latin1) : firstBytes(prefix);
    return make(look.code, look.message, { where, found, expected: 'a PyTorch file (50 4b 03 04)', hint: look.hint });
  }
  const text = printableText(prefix);
  if (text !== undefined) {
    return malformed('E_TEXT', 'This is a text file, not a model.', {
      where,
      found: JSON.stringify(text.slice(0, 80)),
      expected: 'a PyTorch file (50 4b 03 04)',
      hint: 'Check that this is the file you meant; open it as text to read it.',
    });
  }
  return malformed('E_UNKNOWN_FORMAT', 'This is not a model file that Quantscope knows.', {
    where,
    found: firstBytes(prefix),
    expected: 'a PyTorch file (50 4b 03 04)',
    hint: 'Open a file that torch.save wrote (PyTorch 1.6 or later).',
  });
}

function pointerDetails(text: string): string {
  const oid = /oid (\S+)/.exec(text)?.[1] ?? 'unknown';
  const size = /size (\d+)/.exec(text)?.[1] ?? 'unknown';
  return `a pointer to ${oid}, ${size} bytes`;
}

function firstBytes(prefix: Uint8Array): string {
  return [...prefix.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function printableText(prefix: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(prefix);
  return /^[\t\n\r\x20-\x7e\u00a0-\uffff]+$/.test(text) && !text.includes('\ufffd') ? text : undefined;
}
