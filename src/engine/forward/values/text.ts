import { invalid } from '../../../core/errors';
import { maxFormatWidth, maxPrintedLine } from '../interpreter/limits';
import { exponentText, fixedText, generalText, shortestText } from './decimals';
import { describeType } from './describe';
import { isFloating } from './elements';
import { itemOf } from './promotion';
import { onlyElement, StridedTensor } from './stridedTensor';
import {
  DeviceValue,
  DTypeValue,
  ellipsis,
  PyClass,
  PyDict,
  PyFloat,
  PyList,
  PyObject,
  PySet,
  PyTuple,
  type Value,
} from './values';

/** How values read as text: str(), repr() and format specifications, all of bounded length. */

/** Containers inside containers that are still written out. */
const maxDepth = 6;

export function repr(value: Value): string {
  return typeof value === 'string' ? `'${clip(value).replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'` : str(value);
}

export function str(value: Value, depth = 0): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (value === ellipsis) return 'Ellipsis';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return depth === 0 ? value : repr(value);
  if (value instanceof PyFloat) return shortestText(value.value);
  if (value instanceof StridedTensor) return tensorText(value);
  if (depth > maxDepth) return '...';
  const join = (items: Iterable<Value>) => joined(items, depth);
  if (value instanceof PyList) return `[${join(value.items)}]`;
  if (value instanceof PyTuple) return value.items.length === 1 ? `(${join(value.items)},)` : `(${join(value.items)})`;
  if (value instanceof PySet) return value.entries.size === 0 ? 'set()' : `{${join(value.entries.values())}}`;
  if (value instanceof PyDict) {
    const parts: string[] = [];
    let length = 0;
    for (const [key, item] of value.entries.values()) {
      const part = `${str(key, depth + 1)}: ${str(item, depth + 1)}`;
      length += part.length;
      if (length > maxPrintedLine) break;
      parts.push(part);
    }
    return `{${parts.join(', ')}}`;
  }
  if (value instanceof DTypeValue) return `torch.${value.dtype}`;
  if (value instanceof DeviceValue) return 'cpu';
  if (value instanceof PyClass) return `<class '${value.name}'>`;
  if (value instanceof PyObject) return `${value.type.name}()`;
  return `<${describeType(value)}>`;
}

function joined(items: Iterable<Value>, depth: number): string {
  const parts: string[] = [];
  let length = 0;
  for (const item of items) {
    const part = str(item, depth + 1);
    length += part.length;
    if (length > maxPrintedLine) {
      parts.push('...');
      break;
    }
    parts.push(part);
  }
  return parts.join(', ');
}

export function clip(text: string): string {
  return text.length > maxPrintedLine ? `${text.slice(0, maxPrintedLine)}…` : text;
}

/** Small tensors with their values, large ones with their shape. */
function tensorText(tensor: StridedTensor): string {
  if (tensor.count === 1 && tensor.rank === 0) return `tensor(${numberText(tensor, onlyElement(tensor))})`;
  return `tensor(shape=[${tensor.shape.join(', ')}], dtype=torch.${tensor.dtype})`;
}

function numberText({ type }: StridedTensor, value: number): string {
  if (type === 'bool') return value !== 0 ? 'True' : 'False';
  return isFloating(type) ? fixedText(value, 4) : String(value);
}

const specPattern = /^(?:(.)?([<>^=]))?([+\- ])?(0)?(\d+)?(,)?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/;

/** `format(value, spec)` for the specifications that models use. */
export function formatValue(value: Value, spec: string): string {
  const isNumber = value instanceof StridedTensor && (value.rank === 0 || (spec !== '' && value.count === 1));
  const plain = isNumber ? itemOf(value) : value;
  if (spec === '') return str(plain);
  const [, fill, align, sign, zero, width, comma, precision, kind] = specPattern.exec(spec) ?? [undefined];
  if (specPattern.exec(spec) === null)
    throw invalid('E_RUN_FORMAT', `Invalid format specifier ${JSON.stringify(spec.slice(0, 40))}`);
  if (Number(width ?? 0) > maxFormatWidth || Number(precision ?? 0) > 100) {
    throw invalid(
      'E_RUN_ITEMS',
      `The format ${JSON.stringify(spec.slice(0, 40))} is wider than ${maxFormatWidth} characters.`,
    );
  }
  const filler = fill ?? (zero === undefined ? ' ' : '0');
  const number = numberIn(plain);
  if (number === undefined) {
    const text = str(plain);
    return aligned(precision === undefined ? text : text.slice(0, Number(precision)), filler, align ?? '<', width);
  }
  let text = numeral(number, plain instanceof PyFloat, precision, kind);
  if (comma !== undefined) text = text.replace(/\d+/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ','));
  if ((sign === '+' || sign === ' ') && !text.startsWith('-')) text = sign + text;
  return aligned(text, filler, align ?? (zero === undefined ? '>' : '='), width);
}

/** Python's number, bool or float as a number. */
function numberIn(value: Value): number | undefined {
  if (value instanceof PyFloat) return value.value;
  return typeof value === 'number' || typeof value === 'boolean' ? Number(value) : undefined;
}

/** `=` fills up behind the sign. */
function aligned(text: string, fill: string, align: string, width: string | undefined): string {
  const room = Math.max(0, Number(width ?? 0) - text.length);
  const before = align === '<' ? 0 : align === '^' ? Math.floor(room / 2) : room;
  const start = align === '=' && /^[-+ ]/.test(text) ? 1 : 0;
  return text.slice(0, start) + fill.repeat(before) + text.slice(start) + fill.repeat(room - before);
}

function numeral(x: number, isFloat: boolean, precision: string | undefined, kind: string | undefined): string {
  const digits = precision === undefined ? 6 : Number(precision);
  switch (kind) {
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G': {
      const write = { f: fixedText, e: exponentText, g: generalText }[kind.toLowerCase() as 'f' | 'e' | 'g'];
      return kind < 'a' ? write(x, digits).toUpperCase() : write(x, digits);
    }
    case '%':
      return `${fixedText(x * 100, digits)}%`;
    case 'x':
      return x.toString(16);
    case 'X':
      return x.toString(16).toUpperCase();
    case 'b':
      return x.toString(2);
    case 'o':
      return x.toString(8);
    default:
      if (precision !== undefined) return generalText(x, digits, true);
      return isFloat ? shortestText(x) : String(x);
  }
}

/** `'{} {}'.format(a, b)`: positions and names, without fields of fields. */
export function formatTemplate(template: string, args: readonly Value[], named: ReadonlyMap<string, Value>): string {
  let next = 0;
  return template.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (whole, field: string | undefined) => {
    if (field === undefined) return whole[0];
    const [, name, conversion, spec] = /^([^!:]*)(?:!([rs]))?(?::(.*))?$/.exec(field) ?? [];
    if (!/^\w*$/.test(name ?? '')) {
      throw invalid(
        'E_RUN_FORMAT',
        `A format field may not reach into a value: ${JSON.stringify(field.slice(0, 40))}`,
        {
          hint: 'Use an f-string.',
        },
      );
    }
    const value =
      name === '' || name === undefined ? args[next++] : /^\d+$/.test(name) ? args[Number(name)] : named.get(name);
    if (value === undefined) throw invalid('E_RUN_FORMAT', 'Replacement index out of range for positional args tuple');
    return conversion === 'r' ? repr(value) : formatValue(value, spec ?? '');
  });
}

/** `'%s: %.2f' % (name, x)`: values in order, or by name from a dict. */
export function formatPercent(template: string, given: Value): string {
  const items = given instanceof PyTuple ? given.items : [given];
  const fail = (message: string) => invalid('E_RUN_FORMAT', `TypeError: ${message}`);
  let next = 0;
  const text = template.replace(
    /%(?:\((\w*)\))?([-+0 ]*)(\d+)?(?:\.(\d+))?([diouxXeEfFgGrs%])?/g,
    (_whole, name: string | undefined, flags: string, width = '', precision: string | undefined, kind?: string) => {
      if (kind === '%') return '%';
      if (kind === undefined) throw fail('unsupported format character');
      const entry = given instanceof PyDict ? given.entries.get(`s${name}`)?.[1] : undefined;
      const value = name === undefined ? items[next++] : entry;
      if (value === undefined) throw fail('not enough arguments for format string');
      const whole = /[diu]/.test(kind);
      const shown = kind === 'r' ? repr(value) : kind === 's' ? str(value) : whole ? wholePart(value) : value;
      const left = flags.includes('-');
      const zero = flags.includes('0') && !left && !/[rs]/.test(kind);
      const sign = /[rs]/.test(kind) ? '' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
      const start = `${zero ? '' : left ? '<' : '>'}${sign}${zero ? '0' : ''}`;
      const point = precision === undefined || whole ? '' : `.${precision}`;
      return formatValue(shown, `${start}${width}${point}${/[irsdu]/.test(kind) ? '' : kind}`);
    },
  );
  if (next < items.length && !(given instanceof PyDict))
    throw fail('not all arguments converted during string formatting');
  return text;
}

/** What %d shows of a number. */
function wholePart(value: Value): Value {
  const plain = value instanceof StridedTensor ? onlyElement(value) : value instanceof PyFloat ? value.value : value;
  if (typeof plain === 'number' || typeof plain === 'boolean') return Math.trunc(Number(plain));
  throw invalid('E_RUN_FORMAT', `TypeError: %d format: a real number is required, not ${describeType(value)}`);
}
