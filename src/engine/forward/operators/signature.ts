import type { Value } from '../values/values';
import { PyFloat, PyTuple } from '../values/values';

/**
 * Signatures in PyTorch's own notation, such as
 * `softmax(Tensor self, int dim, dtype? dtype=None) -> Tensor`, read once into parameters.
 */
export type ParameterType =
  | 'Tensor'
  | 'Tensor?'
  | 'Tensor[]'
  | 'Tensor?[]'
  | 'int'
  | 'int?'
  | 'int[]'
  | 'int[]?'
  | 'float'
  | 'float?'
  | 'float[]?'
  | 'number'
  | 'number?'
  | 'bool'
  | 'bool?'
  | 'str'
  | 'str?'
  | 'dtype'
  | 'dtype?'
  | 'list'
  | 'any'
  /** The positional arguments that are left. */
  | 'rest';

export interface OperatorParameter {
  readonly type: ParameterType;
  readonly name: string;
  readonly default: Value | undefined;
  readonly required: boolean;
  readonly keywordOnly: boolean;
  /** A single int is accepted for a list of ints, as in `int[2]`. */
  readonly expands: boolean;
}

export interface Signature {
  readonly name: string;
  readonly text: string;
  readonly parameters: readonly OperatorParameter[];
}

const pattern = /^(\w+)\((.*)\)$/;

export function parseSignature(text: string): Signature {
  const [, name, list] = pattern.exec(text) ?? [];
  if (name === undefined) throw new Error(`not a signature: ${text}`);
  const parameters: OperatorParameter[] = [];
  let keywordOnly = false;
  for (const part of splitParameters(list)) {
    if (part === '*') {
      keywordOnly = true;
      continue;
    }
    const [, written, parameter, fallback] = /^([\w?[\]]+) (\w+)(?:=(.*))?$/.exec(part) ?? [];
    if (written === undefined) throw new Error(`not a parameter: ${part} in ${text}`);
    parameters.push({
      type: written.replace(/\[\d+\]/, '[]') as ParameterType,
      name: parameter,
      default: fallback === undefined ? undefined : literal(fallback),
      required: fallback === undefined && written !== 'rest',
      keywordOnly,
      expands: /^int\[\d*\]/.test(written),
    });
  }
  return { name, text, parameters };
}

function splitParameters(list: string): string[] {
  return list
    .split(/,\s*(?![^[\]]*\](?!,|$))/)
    .map((part) => part.trim())
    .filter(Boolean);
}

function literal(text: string): Value {
  if (text === 'None') return null;
  if (text === '[]') return new PyTuple([]);
  if (text === 'True') return true;
  if (text === 'False') return false;
  if (/^-?\d+$/.test(text)) return Number(text);
  if (/^-?[\d.]+(e-?\d+)?$/.test(text)) return new PyFloat(Number(text));
  return text.replace(/^"|"$/g, '');
}
