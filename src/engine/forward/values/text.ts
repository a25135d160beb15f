import { invalid } from '../../../core/errors';
import { maxFormatWidth, maxPrintedLine } from '../interpreter/limits';
import { describeType } from './describe';
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
  if (value instanceof PyFloat) return floatText(value.value);
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

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${Object.is(value, -0) ? '-0' : value}.0`;
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Small tensors with their values, large ones with their shape. */
function tensorText(tensor: StridedTensor): string {
  if (tensor.count === 1 && tensor.rank === 0) return `tensor(${numberText(tensor, onlyElement(tensor))})`;
  return `tensor(shape=[${tensor.shape.join(', ')}], dtype=torch.${tensor.dtype})`;
}

function numberText({ type }: StridedTensor, value: number): string {
  if (type === 'bool') return value !== 0 ? 'True' : 'False';
  return /^float/.test(type) ? value.toFixed(4) : String(value);
}

const specPattern = /^(?:(.)?([<>^=]))?([+\- ])?(0)?(\d+)?(,)?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/;

/** `format(value, spec)` for the specifications that models use. */
export function formatValue(value: Value, spec: string): string {
  const plain = value instanceof StridedTensor && value.count === 1 ? new PyFloat(onlyElement(value)) : value;
  if (spec === '') return str(value);
  const [, fill, align, sign, zero, width, comma, precision, kind] = specPattern.exec(spec) ?? [undefined];
  if (specPattern.exec(spec) === null)
    throw invalid('E_RUN_FORMAT', `Invalid format specifier ${JSON.stringify(spec.slice(0, 40))}`);
  if (Number(width ?? 0) > maxFormatWidth || Number(precision ?? 0) > 100) {
    throw invalid(
      'E_RUN_ITEMS',
      `The format ${JSON.stringify(spec.slice(0, 40))} is wider than ${maxFormatWidth} characters.`,
    );
  }
  let text = body(plain, precision, kind);
  if (comma !== undefined) text = text.replace(/\d+/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ','));
  if (sign === '+' && !text.startsWith('-')) text = `+${text}`;
  const room = Math.max(0, Number(width ?? 0) - text.length);
  const filler = (fill ?? (zero === undefined ? ' ' : '0')).repeat(room);
  const right = align === '>' || (align === undefined && typeof plain !== 'string');
  if (align === '^') return `${filler.slice(0, Math.floor(room / 2))}${text}${filler.slice(Math.floor(room / 2))}`;
  return right ? `${filler}${text}` : `${text}${filler}`;
}

function body(value: Value, precision: string | undefined, kind: string | undefined): string {
  const number =
    value instanceof PyFloat
      ? value.value
      : typeof value === 'number' || typeof value === 'boolean'
        ? Number(value)
        : undefined;
  if (number === undefined) {
    const text = str(value);
    return precision === undefined ? text : text.slice(0, Number(precision));
  }
  const digits = precision === undefined ? 6 : Number(precision);
  switch (kind) {
    case 'f':
    case 'F':
      return number.toFixed(digits);
    case 'e':
    case 'E':
      return number.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2');
    case '%':
      return `${(number * 100).toFixed(digits)}%`;
    case 'x':
      return number.toString(16);
    case 'b':
      return number.toString(2);
    case 'o':
      return number.toString(8);
    default:
      return kind === 'g' || precision !== undefined
        ? String(Number(number.toPrecision(Math.max(digits, 1))))
        : str(value);
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
      const entry = name === undefined ? undefined : given instanceof PyDict && given.entries.get(`s${name}`)?.[1];
      const value = name === undefined ? items[next++] : entry;
      if (value === undefined || value === false) throw fail('not enough arguments for format string');
      const whole = /[diu]/.test(kind);
      const shown = kind === 'r' ? repr(value) : kind === 's' ? str(value) : whole ? wholePart(value) : value;
      const left = flags.includes('-');
      const zero = flags.includes('0') && !left;
      const start = `${zero ? '' : left ? '<' : '>'}${flags.includes('+') ? '+' : ''}${zero ? '0' : ''}`;
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
