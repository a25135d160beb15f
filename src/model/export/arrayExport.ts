import type { AbortCheck } from '../../core/abort';
import type { DType } from '../../core/dtype';
import { invalid, type QuantscopeError, unsupported } from '../../core/errors';
import { weightForms } from '../../engine/quantization/qconfigs';
import type { Scheme } from '../../engine/quantization/quantizeWeight';
import { dequantizeTile, quantizeTile } from '../../engine/quantization/weightTiles';
import { type NpyArray, planNpy, planNpz } from '../../formats/npy/write';
import type { ArraysDto, ExportRequestDto } from '../../protocol/exportDto';
import { readValues } from '../loadModule';
import { packedTensors } from '../moduleTree';
import { findTensor, type Model, type ModelTensor, ownerOf } from '../openModel';
import { readCodes, storedQuantization } from '../quantizedTensor';
import { planQuantization, type QuantizePlan } from '../quantizePlan';
import { chooseScales, streamedCodes } from '../streamedLinear';
import { staysReason } from '../tensorDetail';
import type { ValueTiles } from '../tensorTiles';
import { valueSource } from '../valueSource';
import type { PlannedExport } from './exportModel';
import { valueLines } from './loadLines';
import { numpyArray, widensFor } from './npzExport';
import { scaleEntries } from './quantizedEntries';
import { tensorChunks } from './tensorChunks';

/** A tensor's array, and what turns its codes into values. */
interface Chosen {
  readonly array: NpyArray;
  readonly codes?: {
    readonly scheme: Scheme;
    readonly scales: readonly number[];
    readonly zeroPoints: readonly number[];
  };
  /** What a reader should know of the array. */
  readonly note?: string;
}

/**
 * Single tensors as NumPy arrays: the values of the file, the codes of int8, or the values that the
 * codes stand for. A .npy holds one of them; a .npz several, with scales and zero points beside codes.
 */
export async function arrayExport(
  model: Model,
  { format, arrays, spec }: ExportRequestDto,
  fileName: string,
  abort: AbortCheck,
): Promise<PlannedExport> {
  const { names: asked, ...form } = arrays ?? {
    names: [...model.tensors.keys()],
    values: spec === null ? 'own' : 'codes',
    scheme: 'per_tensor',
  };
  // Readers differ on which of two entries of one name they take.
  const names = [...new Set(asked)];
  if (format !== 'npz' && names.length !== 1) {
    throw unsupported('E_EXPORT_ARRAYS', 'A .npy holds one array.', {
      found: `${names.length} tensors`,
      hint: 'Choose one tensor (--tensor NAME), or a .npz.',
    });
  }
  const plan = spec === null ? undefined : planQuantization(model.root, spec);
  const chosen: Chosen[] = [];
  for (const name of names) chosen.push(await choose(model, findTensor(model, name), form, plan, abort));
  const data = format === 'npz' ? planNpz(chosen.flatMap(withScales)) : planNpy(chosen[0].array);
  const load = format === 'npz' ? npzLines(chosen, fileName) : npyLines(chosen[0], fileName);
  return { files: [{ name: fileName, plan: data }], load };
}

async function choose(
  model: Model,
  tensor: ModelTensor,
  { values, scheme: asked }: Omit<ArraysDto, 'names'>,
  plan: QuantizePlan<ModelTensor> | undefined,
  abort: AbortCheck,
): Promise<Chosen> {
  const { name, shape, dtype } = tensor;
  if (tensor.record.quantization !== undefined) return stored(model, tensor, values === 'codes', abort);
  if (values === 'own') {
    const array = numpyArray({ name, dtype, shape, data: () => tensorChunks(model, tensor, abort) });
    return widensFor(dtype)
      ? { array, note: `NumPy has no ${dtype}: widened to float32, every value the same` }
      : { array };
  }
  const scheme = plan === undefined ? shownScheme(model, tensor, asked) : chosenScheme(model, tensor, plan);
  const source = await valueSource(model, tensor, abort);
  const channelLength = scheme === 'per_channel' ? shape[1] : tensor.numel;
  const scales = [...(await chooseScales({ source, channelLength, weight: tensor }))];
  if (values === 'dequantized') {
    const data = () => restoredChunks(source, channelLength, scales);
    return { array: { name, dtype: 'float32', shape, data } };
  }
  const data = () => streamedCodes({ source, channelLength }, scales);
  return { array: { name, dtype: 'int8', shape, data }, codes: { scheme, scales, zeroPoints: scales.map(() => 0) } };
}

const codeTypes: Partial<Record<DType, readonly [DType, (codes: Float32Array) => ArrayBufferView<ArrayBuffer>]>> = {
  qint8: ['int8', (codes) => Int8Array.from(codes)],
  quint8: ['uint8', (codes) => Uint8Array.from(codes)],
  quint4x2: ['uint8', (codes) => Uint8Array.from(codes)],
  qint32: ['int32', (codes) => Int32Array.from(codes)],
};

/** A tensor that the file holds quantized: `int_repr()`, or `dequantize()`. */
async function stored(model: Model, tensor: ModelTensor, asCodes: boolean, abort: AbortCheck): Promise<Chosen> {
  const { name, shape, dtype } = tensor;
  const quantization = await storedQuantization(model, tensor.record, abort);
  const known = codeTypes[dtype];
  if (!asCodes || quantization === undefined || known === undefined) {
    const data = async () => bytesOf(await readValues(model, tensor, abort));
    return { array: { name, dtype: 'float32', shape, data }, note: `the values that the codes of ${dtype} stand for` };
  }
  if (quantization.axis !== null && quantization.axis !== 0) {
    throw unsupported('E_EXPORT_DTYPE', `The channels of ${name} lie along dimension ${quantization.axis}.`, {
      where: { file: model.fileName, tensor: name },
      hint: 'Export its dequantized values.',
    });
  }
  const [type, cast] = known;
  const data = async () => bytesOf(cast(await readCodes(model, tensor, abort)));
  return { array: { name, dtype: type, shape, data }, codes: quantization };
}

/** What the page shows of a weight, whether or not the next Quantize has it. */
function shownScheme(model: Model, tensor: ModelTensor, scheme: Scheme): Scheme {
  const stays = staysReason(tensor, ownerOf(model, tensor.name)?.kind);
  if (stays === '') return scheme;
  throw notQuantized(model, tensor, stays);
}

function chosenScheme(
  model: Model,
  tensor: ModelTensor,
  { quantized, qconfigs, weights }: QuantizePlan<ModelTensor>,
): Scheme {
  const owner = [...quantized].find(([, node]) => packedTensors(node).includes(tensor));
  const qconfig = owner && qconfigs.get(owner[0]);
  if (qconfig === undefined || !weights.has(tensor.name))
    throw notQuantized(model, tensor, 'this choice leaves it float');
  const form = weightForms[qconfig];
  // The codes of a Conv1D are those of its transposed weight.
  if (form.kind === 'int8' && owner?.[1].kind?.type !== 'Conv1D') return form.scheme;
  throw notQuantized(model, tensor, `${qconfig} gives it no codes of this shape`);
}

function notQuantized({ fileName }: Model, { name }: ModelTensor, why: string): QuantscopeError {
  return invalid('E_NOT_QUANTIZABLE', `${name} has no int8 codes: ${why}.`, {
    where: { file: fileName, tensor: name },
  });
}

async function* restoredChunks(
  source: ValueTiles,
  channelLength: number,
  scales: readonly number[],
): AsyncIterable<Uint8Array> {
  let start = 0;
  for await (const tile of source.tiles()) {
    const codes = new Int8Array(tile.length);
    quantizeTile(tile, start, scales, channelLength, codes);
    yield bytesOf(dequantizeTile(codes, start, scales, channelLength, new Float32Array(tile.length)));
    start += tile.length;
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBufferLike>): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function withScales({ array, codes }: Chosen): NpyArray[] {
  return codes === undefined ? [array] : [array, ...scaleEntries(array.name, codes)];
}

function npzLines(chosen: readonly Chosen[], fileName: string): string {
  const notes = new Set(chosen.flatMap(({ note }) => note ?? []));
  return [
    'import numpy',
    ...[...notes].map((note) => `# ${note}`),
    `tensors = dict(numpy.load(${JSON.stringify(fileName)}))`,
    ...(chosen.some(({ codes }) => codes !== undefined) ? valueLines('.astype("float32")') : []),
  ].join('\n');
}

/** A .npy has no place for scales: one is written into the lines, several are in a .npz. */
function npyLines({ codes, note }: Chosen, fileName: string): string {
  const read = `numpy.load(${JSON.stringify(fileName)})`;
  if (codes === undefined) {
    return ['import numpy', ...(note === undefined ? [] : [`# ${note}`]), `array = ${read}`].join('\n');
  }
  const { scheme, scales, zeroPoints } = codes;
  const shifted = zeroPoints[0] === 0 ? 'codes.astype("float32")' : `(codes.astype("float32") - ${zeroPoints[0]})`;
  return [
    'import numpy',
    `codes = ${read}`,
    scheme === 'per_tensor'
      ? `array = ${shifted} * numpy.float32(${scales[0]})`
      : `# ${scales.length} scales, one a channel: a .npz has them beside the codes`,
  ].join('\n');
}
