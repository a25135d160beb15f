import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import type { DType } from '../core/dtype';
import type { ErrorDetails } from '../core/errors';
import type { Progress } from '../core/progress';
import type { OnnxModel } from './onnx/types';
import type { PickleValue } from './pickle/types';

/** Where a tensor's elements are: a region of the file. */
export interface StorageRecord {
  readonly key: string;
  readonly dtype: DType;
  /** Where it lived when it was saved: `cpu`, `cuda:0`. */
  readonly location: string;
  /** Elements that the pickle promises. */
  readonly numel: number;
  /** Name of the archive's entry, or of the file beside; empty when there is none. */
  readonly entry: string;
  /** The bytes themselves, where they stand inside a pickle. */
  readonly inline?: Uint8Array;
  /** Set where the storage's byte order is not the file's. */
  readonly bigEndian?: boolean;
  /** Byte at which it starts in the file or `entry`, where opening tells. */
  readonly offset?: number;
}

/** Scale and zero point of a quantized tensor, as the file gives them. */
export type Quantization =
  | { readonly scheme: 'per_tensor'; readonly scale: number; readonly zeroPoint: number }
  | {
      readonly scheme: 'per_channel';
      /** One number a channel; embeddings have zero points that are no whole numbers. */
      readonly scales: TensorRecord | readonly number[];
      readonly zeroPoints: TensorRecord | readonly number[];
      readonly axis: number;
    };

/** A tensor, unread: a strided view of a storage. Sizes, strides and the offset count elements. */
export interface TensorRecord {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly storageOffset: number;
  readonly storage: StorageRecord;
  readonly requiresGrad: boolean;
  readonly quantization?: Quantization;
  /** PyTorch's lazy conj and neg: which parts of the numbers have the opposite sign of what is stored. */
  readonly negated?: 'all' | 'imaginary' | 'real';
  /** How the file stores blocks of values, such as GGUF's `Q4_K`; `dtype` is then what reading gives. */
  readonly encoding?: { readonly name: string; readonly bytes: number };
  /** Why its values cannot be read; undefined for a sound tensor. */
  readonly problem?: ErrorDetails;
}

export interface NamedTensor {
  /** Path of keys from the root of the file, joined by dots. */
  readonly name: string;
  readonly tensor: TensorRecord;
  /** Dotted path of the module that it belongs to, where that is not its name without the last part. */
  readonly module?: string;
}

/** What a file says of a module besides its tensors: numbers, strings and lists of them. */
export type PlainValue = null | boolean | number | string | readonly PlainValue[];

/** A module whose class the file names: whole-module pickles, TorchScript. */
export interface ModuleRecord {
  /** Full class name as Python would import it: `torch.nn.modules.rnn.LSTM`. */
  readonly className: string;
  /** The module's plain attributes, such as `hidden_size`, `batch_first`, `p`. */
  readonly attributes: Readonly<Record<string, PlainValue>>;
  /** Names of its children, in order, those without tensors included. */
  readonly children: readonly string[];
}

export type Verdict = 'safe' | 'suspicious' | 'dangerous' | 'unknown';

/** A name that a pickle asks Python to import. Quantscope imports nothing. */
export interface GlobalUse {
  readonly module: string;
  readonly name: string;
  /** Byte offset in the pickle. */
  readonly offset: number;
  readonly use: 'referenced' | 'called';
  readonly verdict: Verdict;
  readonly reason: string;
}

export interface Warning {
  readonly code: string;
  readonly message: string;
  /** The numbers of the message, for those who say it in their own words. */
  readonly values?: readonly number[];
}

/** Objects of a pickle, as records, with the tensors among them. */
export interface ScriptObjects {
  readonly root: PickleValue;
  /** The tensor that a value stands for; undefined when it is none. */
  tensor(value: PickleValue): TensorRecord | undefined;
}

/** A TorchScript archive as a program: its objects, and its code as text that Quantscope interprets. */
export interface ScriptProgram {
  readonly objects: ScriptObjects;
  constants(abort: AbortCheck): Promise<ScriptObjects>;
  /** What `forward` was traced with: one list an argument, of several for a tuple. Empty for scripts. */
  tracedInputs(abort: AbortCheck): Promise<readonly (readonly Pick<TensorRecord, 'dtype' | 'shape'>[])[]>;
  /** Text of `code/<path>`; undefined when the archive has none. */
  source(path: string): Promise<string | undefined>;
}

/** What comparing a file with its own checksums found. */
export interface Verification {
  readonly records: number;
  readonly bytes: number;
  readonly problems: readonly { readonly entry: string; readonly code: string; readonly message: string }[];
}

/** The pickle of a whole module as it stands in the file, for a writer that keeps most of it. */
export interface ModulePickle {
  readonly entry: string;
  read(): Promise<Uint8Array>;
  /** Name of the archive's record with that storage; empty when there is none. */
  storageEntry(key: string): string;
}

/** An open model file: an inventory of its records, and the way to their bytes. */
export interface ModelFile {
  /** Id of the format: `torch-zip`. */
  readonly format: string;
  /** For people: `PyTorch state dict`. */
  readonly label: string;
  readonly bytes: number;
  /** Which PyTorch wrote the container, for files of PyTorch's: the records around the tensors differ. */
  readonly torchStyle?: '1.13' | '2';
  readonly tensors: readonly NamedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
  /** `_metadata` of a state dict: module path to its version. */
  readonly moduleVersions: ReadonlyMap<string, number>;
  /** Class names by module path, where the file has them. */
  readonly moduleTypes: ReadonlyMap<string, string>;
  /** By module path, where the file holds modules and not only their state. */
  readonly modules?: ReadonlyMap<string, ModuleRecord>;
  /** Of torch.save(model) since 1.6; such a file names its modules. */
  readonly modulePickle?: ModulePickle;
  /** The graph of an ONNX file. */
  readonly onnx?: OnnxModel;
  /** Bytes of the file, for a rewriter that copies what it does not change. */
  readBytes?(offset: number, length: number): Promise<Uint8Array>;
  /** The code of a TorchScript archive. */
  readonly program?: ScriptProgram;
  /** Tensors that are also something that has no tensor of its own, such as a tied `lm_head.weight`, by name. */
  readonly tied?: ReadonlyMap<string, string>;
  readonly warnings: readonly Warning[];
  readonly safety: { readonly verdict: Verdict; readonly globals: readonly GlobalUse[] };
  /** Values that are neither plain data nor tensors, such as calls that were not made. */
  readonly opaque: readonly { readonly path: string; readonly name: string }[];
  /** Compares every byte with the file's checksums; undefined where the format has none. */
  verify?(abort: AbortCheck, progress: Progress): Promise<Verification>;
  /** Source code that the file carries, as TorchScript does; text to read, never run. */
  readonly sources?: readonly { readonly name: string; readonly bytes: number }[];
  /** One of `sources` as text; a very long one is cut off. */
  readSource?(name: string): Promise<{ readonly text: string; readonly truncated: boolean }>;
  /** The tensor's bytes: contiguous, row-major, little-endian. Throws the tensor's `problem`. */
  readTensor(tensor: TensorRecord, abort: AbortCheck): Promise<Uint8Array>;
  /**
   * The bytes of elements [start, start + count) in row-major order, without those around them; undefined
   * for a tensor that can only be read whole, such as a strided view or a compressed one. They may be put
   * into `into`, as in ByteSource.
   */
  readRange?(
    tensor: TensorRecord,
    start: number,
    count: number,
    abort: AbortCheck,
    into?: Uint8Array,
  ): Promise<Uint8Array | undefined>;
}

/** One format: how to recognise it, and how to open it. */
export interface Format {
  readonly id: string;
  /** For people: `PyTorch`, `GGUF`. */
  readonly name: string;
  /** How its files are usually named: `.pt`. Content decides; a name only helps to say what is odd. */
  readonly suffixes: readonly string[];
  /** The bytes that every such file starts with; undefined where a format has none. */
  readonly magic?: readonly number[];
  /** Its files lie in folders with a `config.json` that tells what the model is. */
  readonly hasConfig?: true;
  /** Its files are text, as error pages are that were saved as models. */
  readonly isText?: true;
  /** Looks at the first bytes; never throws. */
  sniff(prefix: Uint8Array): boolean;
  /** A second look, where the first bytes of two formats are the same; asked only after `sniff` said yes. */
  accepts?(source: ByteSource): Promise<boolean>;
  open(source: ByteSource, abort: AbortCheck): Promise<ModelFile>;
}
