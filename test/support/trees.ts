import { createHash } from 'node:crypto';
import { parsePython } from '../../src/engine/forward/syntax/parsePython';

/**
 * Our tree of a source in the form of test/interop/python/dump_tree.py: keys sorted, what is
 * absent left out, numbers as the bits of their float64, no places inside f-strings.
 */
function canonicalTree(text: string, name: string): string {
  return canonical(parsePython(text, name).body, false);
}

export function treeDigest(text: string, name: string): string {
  return createHash('sha256').update(canonicalTree(text, name)).digest('hex');
}

function canonical(value: unknown, inFormat: boolean): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, inFormat)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return ascii(JSON.stringify(value));
  const fields = new Map(Object.entries(value));
  const inside = inFormat || fields.get('kind') === 'FormatString';
  const number = fields.get('kind') === 'Literal' && typeof fields.get('value') === 'number';
  const written = [...fields]
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => {
      if (inFormat && (key === 'line' || key === 'column')) return `"${key}":0`;
      if (number && key === 'value') return `"value":"${bits(item as number)}"`;
      return `"${key}":${canonical(item, key === 'parts' ? inside : inFormat)}`;
    });
  return `{${written.join(',')}}`;
}

function bits(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

function ascii(text: string): string {
  return text.replace(/[^\x00-\x7f]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
