/**
 * An ONNX file as plain data. Field names are those of onnx.proto in camel case; whatever may be
 * large stays in the file and is named by its region, so that a rewriter can copy it by range.
 */

/** An int64: a number where it is exact, else a bigint. */
export type OnnxInt = number | bigint;

/** Bytes of the file. */
export interface Region {
  readonly offset: number;
  readonly length: number;
}

/** The field of TensorProto that values are stored in. */
export type DataField = 'raw' | 'float' | 'int32' | 'string' | 'int64' | 'double' | 'uint64';

/** A contiguous run of stored values. Unpacked runs hold a tag before each value. */
export interface DataRun extends Region {
  readonly field: DataField;
  readonly packed: boolean;
  /** Values of an unpacked run; of packed and raw ones the length tells. */
  readonly count: number;
  /** The bytes themselves, where they are few. */
  readonly inline?: Uint8Array;
}

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly OnnxInt[];
  /** TensorProto.DataType. */
  readonly dataType: number;
  readonly data: readonly DataRun[];
  /** 1 when the values are in another file. */
  readonly dataLocation: number;
  /** external_data as it stands: keys may repeat. */
  readonly externalData: readonly OnnxEntry[];
  readonly segmented: boolean;
  readonly region: Region;
}

export interface OnnxSparseTensor {
  readonly values?: OnnxTensor;
  readonly indices?: OnnxTensor;
  readonly dims: readonly OnnxInt[];
  readonly region: Region;
}

/** Key and value of a StringStringEntryProto. */
export interface OnnxEntry {
  readonly key: string;
  readonly value: string;
}

/** A dimension: its size, its name, or null where the model leaves it open. */
export type OnnxDimension = OnnxInt | string | null;

export interface OnnxValueInfo {
  readonly name: string;
  /** TensorProto.DataType; 0 for sequences, maps and optionals. */
  readonly elemType: number;
  /** Undefined where the rank is unknown. */
  readonly shape?: readonly OnnxDimension[];
}

export interface OnnxAttribute {
  readonly name: string;
  /** AttributeProto.AttributeType. */
  readonly type: number;
  readonly refAttrName: string;
  readonly f?: number;
  readonly i?: OnnxInt;
  /** Bytes as UTF-8 text, cut when long. */
  readonly s?: string;
  readonly t?: OnnxTensor;
  readonly g?: OnnxGraph;
  readonly sparseTensor?: OnnxSparseTensor;
  readonly floats: readonly number[];
  readonly ints: readonly OnnxInt[];
  readonly strings: readonly string[];
  readonly tensors: readonly OnnxTensor[];
  readonly graphs: readonly OnnxGraph[];
  /** True when a list is longer than what stands here. */
  readonly elided: boolean;
  readonly region: Region;
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** Empty for ai.onnx. */
  readonly domain: string;
  readonly overload: string;
  /** Names of values; empty for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
  readonly metadataProps: readonly OnnxEntry[];
  readonly region: Region;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  /** Nodes of the file that are not in `nodes` because there are too many. */
  readonly nodesElided: number;
  readonly initializers: readonly OnnxTensor[];
  readonly sparseInitializers: readonly OnnxSparseTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly valueInfo: readonly OnnxValueInfo[];
  readonly region: Region;
}

/** A model-local function; its nodes see only its own values. */
export interface OnnxFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly string[];
  readonly nodes: readonly OnnxNode[];
  readonly opsets: readonly OnnxOpset[];
  readonly region: Region;
}

export interface OnnxOpset {
  readonly domain: string;
  readonly version: OnnxInt;
}

export interface OnnxTraining {
  readonly initialization?: OnnxGraph;
  readonly algorithm?: OnnxGraph;
}

export interface OnnxModel {
  readonly irVersion: OnnxInt;
  readonly opsets: readonly OnnxOpset[];
  readonly producerName: string;
  readonly producerVersion: string;
  readonly domain: string;
  readonly modelVersion: OnnxInt;
  readonly docString: string;
  readonly graph?: OnnxGraph;
  readonly metadataProps: readonly OnnxEntry[];
  readonly functions: readonly OnnxFunction[];
  readonly training: readonly OnnxTraining[];
}
