import { byteLength, type DType } from '../../core/dtype';
import { float16ToNumber } from '../../core/floatFormats';
import { contiguousStrides, fortranStrides, numel } from '../../core/shape';
import { numpyDtypes } from '../npy/elementType';
import { bytesOf, globalCall, itemsOf, textOf } from '../pickle/access';
import type { PickleValue } from '../pickle/types';
import type { TensorRecord } from '../types';
import { sizes } from './arguments';
import { Problem, unreadable } from './problem';
import { viewFits } from './viewFits';

/**
 * NumPy arrays and scalars inside a pickle, whose bytes stand in the pickle itself. Source:
 * numpy's array_reduce and array_setstate in numpy/_core/src/multiarray/methods.c.
 */

interface NumpyDtype {
  readonly dtype: DType;
  readonly bigEndian: boolean;
}

/** `numpy.dtype('f8', False, True)` with state (3, '<', …); undefined for objects, records, text and dates. */
function numpyDtype(value: PickleValue | undefined): NumpyDtype | undefined {
  const call = globalCall(value);
  if (call?.name !== 'numpy.dtype') return undefined;
  const name = textOf(call.args[0]) ?? '';
  const typed = /^[<>|=]?([biufc]\d+)$/.exec(name)?.[1] ?? '';
  const order = textOf(itemsOf(call.call.state)[1]) ?? name[0];
  if (!Object.hasOwn(numpyDtypes, typed)) return undefined;
  return { dtype: numpyDtypes[typed], bigEndian: order === '>' };
}

const reconstruct = /^numpy\.(core|_core)\.multiarray\._reconstruct$/;
const fromBuffer = /^numpy\.(core|_core)\.numeric\._frombuffer$/;
const scalar = /^numpy\.(core|_core)\.multiarray\.scalar$/;

/** An array whose elements are numbers; undefined for everything else. Throws Problem for one that cannot be. */
export function numpyArray(value: PickleValue): TensorRecord | undefined {
  const call = globalCall(value);
  if (call === undefined) return undefined;
  if (reconstruct.test(call.name)) {
    const [, shape, dtype, fortran, data] = itemsOf(call.call.state);
    if (shape === undefined) return undefined;
    return array(shape, dtype, fortran === true, data);
  }
  if (!fromBuffer.test(call.name)) return undefined;
  const [data, dtype, shape, order] = call.args;
  return array(shape, dtype, textOf(order) === 'F', data);
}

function array(
  shapeValue: PickleValue | undefined,
  dtypeValue: PickleValue | undefined,
  fortran: boolean,
  data: PickleValue | undefined,
): TensorRecord | undefined {
  const type = numpyDtype(dtypeValue);
  const bytes = bytesOf(data);
  // Arrays of objects hold a list instead of bytes.
  if (type === undefined || bytes === undefined) return undefined;
  const shape = sizes(shapeValue, 'shape');
  const { dtype, bigEndian } = type;
  const strides = fortran ? fortranStrides(shape) : contiguousStrides(shape);
  const outside = viewFits(bytes.length, 0, shape, strides, dtype);
  if (outside !== undefined) {
    throw new Problem('E_PT_STORAGE_SHORT', 'The array has fewer bytes than its shape needs.', {
      found: `${bytes.length} bytes`,
      expected: `${byteLength(dtype, numel(shape))}`,
    });
  }
  const storage = {
    ...unreadable.storage,
    key: 'numpy',
    dtype,
    location: 'numpy',
    numel: numel(shape),
    inline: bytes,
    bigEndian,
  };
  return { ...unreadable, dtype, shape, strides, storage };
}

/** `numpy.float64(0.93)` as a plain number; undefined for everything else. */
export function numpyScalar(value: PickleValue): number | bigint | boolean | undefined {
  const call = globalCall(value);
  if (call === undefined || !scalar.test(call.name)) return undefined;
  const type = numpyDtype(call.args[0]);
  const bytes = bytesOf(call.args[1]);
  if (type === undefined || bytes === undefined || bytes.length !== byteLength(type.dtype, 1)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return readScalar(view, type.dtype, !type.bigEndian);
}

function readScalar(view: DataView, dtype: DType, little: boolean): number | bigint | boolean | undefined {
  switch (dtype) {
    case 'bool':
      return view.getUint8(0) !== 0;
    case 'int8':
      return view.getInt8(0);
    case 'uint8':
      return view.getUint8(0);
    case 'int16':
      return view.getInt16(0, little);
    case 'uint16':
      return view.getUint16(0, little);
    case 'int32':
      return view.getInt32(0, little);
    case 'uint32':
      return view.getUint32(0, little);
    case 'int64':
      return view.getBigInt64(0, little);
    case 'uint64':
      return view.getBigUint64(0, little);
    case 'float16':
      return float16ToNumber(view.getUint16(0, little));
    case 'float32':
      return view.getFloat32(0, little);
    case 'float64':
      return view.getFloat64(0, little);
    default:
      return undefined;
  }
}
