import type { AbortCheck } from '../core/abort';
import { malformed, QuantscopeError, unsupported } from '../core/errors';
import { contiguousStrides, numel } from '../core/shape';
import type { ScriptLibrary } from '../engine/forward/script/scriptLibrary';
import { elementType, newElements } from '../engine/forward/values/elements';
import { type QuantizedCodes, Storage, StridedTensor } from '../engine/forward/values/stridedTensor';
import { PyClass, PyDict, PyFloat, PyList, PyObject, PyTuple, type Value } from '../engine/forward/values/values';
import { tensorFromBytes, toFloat32 } from '../engine/tensor/tensor';
import {
  PickleCall,
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleTuple,
  type PickleValue,
} from '../formats/pickle/types';
import type { ModelFile, ScriptObjects, TensorRecord } from '../formats/types';

/** Depth of objects inside objects; a transformer has ten. */
const maxDepth = 200;

/** Bytes of all tensors of a program. */
const maxProgramBytes = 3 * 2 ** 30;

/** Pickled objects as the executor's values: shared objects stay shared, tensors of one storage too. */
export class ObjectReader {
  private readonly made = new Map<PickleValue, Value>();
  private readonly storages = new Map<string, StridedTensor>();
  private bytes = 0;

  constructor(
    private readonly file: ModelFile,
    private readonly library: ScriptLibrary | undefined,
    private readonly abort: AbortCheck,
  ) {}

  async read(objects: ScriptObjects): Promise<Value> {
    return this.value(objects.root, objects, 0);
  }

  private async value(value: PickleValue, objects: ScriptObjects, depth: number): Promise<Value> {
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    if (typeof value === 'number') return Number.isInteger(value) ? value : new PyFloat(value);
    if (typeof value === 'bigint') return Number(value);
    if (depth > maxDepth) throw malformed('E_SCRIPT_DEPTH', `The objects are nested deeper than ${maxDepth} levels.`);
    const known = this.made.get(value);
    if (known !== undefined) return known;
    const record = objects.tensor(value);
    if (record !== undefined) return this.keep(value, await this.tensor(record));
    if (value instanceof PickleTuple) return this.keep(value, new PyTuple(await this.all(value.items, objects, depth)));
    if (value instanceof PickleList) {
      const list = new PyList([]);
      this.made.set(value, list);
      list.items.push(...(await this.all(value.items, objects, depth)));
      return list;
    }
    if (value instanceof PickleDict) return this.dict(value, objects, depth);
    if (value instanceof PickleCall) return this.call(value, objects, depth);
    throw unsupported('E_SCRIPT_OBJECT', 'The archive holds a kind of object that Quantscope does not run.');
  }

  private keep(key: PickleValue, value: Value): Value {
    this.made.set(key, value);
    return value;
  }

  private async all(items: readonly PickleValue[], objects: ScriptObjects, depth: number): Promise<Value[]> {
    const values: Value[] = [];
    for (const item of items) values.push(await this.value(item, objects, depth + 1));
    return values;
  }

  private async dict(value: PickleDict, objects: ScriptObjects, depth: number): Promise<PyDict> {
    const dict = new PyDict();
    this.made.set(value, dict);
    for (const [key, item] of value.entries) {
      const name = await this.value(key, objects, depth + 1);
      dict.entries.set(typeof name === 'string' ? `s${name}` : `n${Number(name)}`, [
        name,
        await this.value(item, objects, depth + 1),
      ]);
    }
    return dict;
  }

  private async call(value: PickleCall, objects: ScriptObjects, depth: number): Promise<Value> {
    const name = value.callee instanceof PickleGlobal ? value.callee.fullName : '';
    const args = value.args instanceof PickleTuple ? value.args.items : [];
    if (name.startsWith('torch.jit._pickle.') && args.length > 0) {
      const [inner] = args;
      const result = await this.value(inner, objects, depth + 1);
      return this.keep(value, /float/i.test(String(args[1] ?? name)) ? floats(result) : result);
    }
    if (name === 'collections.OrderedDict') return this.keep(value, new PyDict());
    if (name === 'torch.device' || name === 'torch.Generator') return this.keep(value, null);
    if (!name.startsWith('__torch__.')) {
      throw unsupported(
        'E_SCRIPT_OBJECT',
        `The archive holds an object of ${JSON.stringify(name.slice(0, 100))}, which Quantscope does not run.`,
      );
    }
    const type = this.library?.classNamed(name) ?? new PyClass(name, [], true);
    const object = new PyObject(type);
    this.made.set(value, object);
    object.attributes.set('#class', name);
    if (value.state instanceof PickleDict) {
      for (const [key, item] of value.state.entries) {
        if (typeof key !== 'string') continue;
        const attribute = await this.value(item, objects, depth + 1);
        // The pickle's numbers do not tell 1 from 1.0; the class says which attributes are floats.
        object.attributes.set(key, /\bfloat\b/.test(type.fields.get(key) ?? '') ? floats(attribute) : attribute);
      }
    } else if (value.state !== undefined)
      object.attributes.set('#state', await this.value(value.state, objects, depth + 1));
    return object;
  }

  /** A view of the storage that the file shares between tensors; read once. */
  private async tensor(record: TensorRecord): Promise<StridedTensor> {
    if (record.quantization !== undefined) return this.quantizedTensor(record);
    const { storage } = record;
    const key = `${storage.entry || storage.key}\n${record.dtype}`;
    let whole = this.storages.get(key);
    if (whole === undefined) {
      whole = await this.readStorage(record);
      this.storages.set(key, whole);
    }
    return new StridedTensor(whole.storage, record.shape, record.strides, record.storageOffset);
  }

  private async readStorage(record: TensorRecord): Promise<StridedTensor> {
    const small = record.dtype === 'float16' || record.dtype === 'bfloat16';
    const type = small ? 'float32' : elementType(record.dtype);
    const count = record.storage.numel;
    this.charge(count * 8);
    if (record.problem !== undefined) throw new QuantscopeError(record.problem);
    const bytes = await this.file.readTensor({ ...record, shape: [count], strides: [1], storageOffset: 0 }, this.abort);
    const tensor = tensorFromBytes(bytes, record.dtype, [count]);
    const data = newElements(type, count);
    if (small) data.set(toFloat32(tensor));
    else if (tensor.data instanceof BigInt64Array) for (let i = 0; i < count; i++) data[i] = Number(tensor.data[i]);
    else data.set(tensor.data as Float32Array);
    return new StridedTensor(new Storage(type, data), [count], [1], 0);
  }

  /** Codes, with scale and zero point: what a packed weight holds. */
  private async quantizedTensor(record: TensorRecord): Promise<StridedTensor> {
    const count = numel(record.shape);
    this.charge(count * 8);
    const bytes = await this.file.readTensor(record, this.abort);
    const codes = tensorFromBytes(bytes, record.dtype, record.shape);
    const storage = new Storage('int8', Int8Array.from(codes.data as Int8Array));
    const strides = contiguousStrides(record.shape);
    return new StridedTensor(storage, record.shape, strides, 0, await this.qparams(record.quantization));
  }

  private async qparams(quantization: TensorRecord['quantization']): Promise<QuantizedCodes | undefined> {
    if (quantization === undefined) return undefined;
    if (quantization.scheme === 'per_tensor') {
      return { axis: null, scales: [quantization.scale], zeroPoints: [quantization.zeroPoint] };
    }
    const values = async (one: TensorRecord | readonly number[]) =>
      'storage' in one ? [...(await this.tensor(one)).storage.data] : [...one];
    return {
      axis: quantization.axis,
      scales: await values(quantization.scales),
      zeroPoints: await values(quantization.zeroPoints),
    };
  }

  private charge(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > maxProgramBytes) {
      throw unsupported(
        'E_PROGRAM_LIMIT',
        `The tensors of this program need more than ${maxProgramBytes} bytes at once.`,
      );
    }
  }
}

function floats(value: Value): Value {
  if (typeof value === 'number') return new PyFloat(value);
  return value instanceof PyList ? new PyList(value.items.map(floats)) : value;
}
