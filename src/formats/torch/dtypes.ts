import { type DType, isDType } from '../../core/dtype';

/** Element types of PyTorch's storage classes, by the class name without `Storage` or `Tensor`. */
const storageDtypes: Readonly<Record<string, DType>> = {
  Double: 'float64',
  Float: 'float32',
  Half: 'float16',
  BFloat16: 'bfloat16',
  Long: 'int64',
  Int: 'int32',
  Short: 'int16',
  Char: 'int8',
  Byte: 'uint8',
  Bool: 'bool',
  ComplexDouble: 'complex128',
  ComplexFloat: 'complex64',
  QInt8: 'qint8',
  QUInt8: 'quint8',
  QInt32: 'qint32',
  QUInt4x2: 'quint4x2',
  QUInt2x4: 'quint2x4',
};

/** The dtype of `torch.FloatStorage` and its kin; an untyped storage counts bytes. */
export function storageDtype(module: string, name: string): DType | undefined {
  if (/^torch\.storage$/.test(module) && /^_?(Untyped|Typed)Storage$/.test(name)) return 'uint8';
  if (!/^torch(\.cuda)?$/.test(module)) return undefined;
  if (name === 'UntypedStorage') return 'uint8';
  const kind = /^(\w+)Storage$/.exec(name)?.[1];
  return kind === undefined || !Object.hasOwn(storageDtypes, kind) ? undefined : storageDtypes[kind];
}

/** `torch.FloatTensor` and its kin, also on CUDA: the class of a tensor that 0.1 pickled by itself. */
export function legacyTensorDtype(name: string): DType | undefined {
  const kind = /^torch\.(?:cuda\.)?(\w+)Tensor$/.exec(name)?.[1];
  return kind === undefined || !Object.hasOwn(storageDtypes, kind) ? undefined : storageDtypes[kind];
}

const aliases: Readonly<Record<string, DType>> = {
  double: 'float64',
  float: 'float32',
  half: 'float16',
  long: 'int64',
  int: 'int32',
  short: 'int16',
  cdouble: 'complex128',
  cfloat: 'complex64',
  chalf: 'complex32',
};

/** The dtype that `torch.<name>` is, or undefined. */
export function dtypeNamed(name: string): DType | undefined {
  return isDType(name) ? name : Object.hasOwn(aliases, name) ? aliases[name] : undefined;
}
