import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { type ErrorDetails, malformed, QuantscopeError, unsupported } from '../../core/errors';
import { numel } from '../../core/shape';
import { quotedNames } from '../../core/text';
import type { ModelFile, NamedTensor, StorageRecord, Warning } from '../types';
import { checkModel } from './checkGraph';
import { dataTypeName } from './dataTypes';
import { type Decoded, decode } from './decode';
import { ExternalFiles, unknownKeys } from './external';
import { maxIndexBytes, maxMessageBytes, minConstantElements, newestIrVersion } from './limits';
import { firstUsers, ownerOf } from './owners';
import { findQuantization } from './quantization';
import { missing, readElements, readPart, readSparseIndices, short } from './readTensor';
import { emptyModel, modelShape } from './schema';
import { graphsOf, outlineTypes, type ScopedGraph } from './scopes';
import { denseRecord, type Payload, type Placed, sparseRecord } from './tensorRecords';
import type { OnnxModel, OnnxTensor } from './types';

/** A model and what its scan noticed. */
interface ScannedOnnx {
  readonly model: OnnxModel;
  readonly warnings: readonly Warning[];
}

/** Reads the graph of an ONNX file; weights stay where they are. */
async function scanOnnx(source: ByteSource, abort: AbortCheck): Promise<ScannedOnnx> {
  if (source.size > maxMessageBytes) {
    throw unsupported('E_ONNX_TOO_BIG', 'The file is larger than Protocol Buffers allows, so nothing can load it.', {
      where: { file: source.name, offset: maxMessageBytes },
      found: `${source.size} bytes`,
      expected: 'less than 2 GiB, with larger weights in a file beside the model',
    });
  }
  const model = emptyModel();
  const decoded = await decode(source, modelShape, model, abort);
  if (model.graph === undefined) throw noGraph(source, decoded);
  return { model, warnings: scanWarnings(decoded, model.graphs) };
}

function noGraph(source: ByteSource, { cut }: Decoded): QuantscopeError {
  if (cut === undefined) {
    return malformed('E_ONNX_NO_GRAPH', 'This looks like an ONNX file, but it has no graph.', {
      where: { file: source.name, offset: source.size, field: 'model.graph' },
      found: 'none',
      expected: 'a graph',
      hint: 'Check that this is the file you meant.',
    });
  }
  return malformed('E_ONNX_TRUNCATED', 'The file ends before its graph begins.', {
    where: { file: source.name, offset: cut.offset },
    found: `${cut.lastField} as the last whole field, up to byte ${cut.lastEnd}`,
    expected: 'more bytes',
    hint: 'The download or copy stopped; fetch the file again.',
  });
}

function scanWarnings({ cut, unknownFields }: Decoded, graphs: number): Warning[] {
  const warnings: Warning[] = [];
  if (cut !== undefined)
    warnings.push({
      code: 'E_ONNX_TRUNCATED',
      message: `The file ends at byte ${cut.offset} inside the model. The last whole field is ${cut.lastField}, up to byte ${cut.lastEnd}. Fetch the file again.`,
    });
  if (graphs > 1)
    warnings.push({
      code: 'E_ONNX_MERGED',
      message: `The model has ${graphs} graphs. Protocol Buffers merges them into one, and so does Quantscope.`,
    });
  if (unknownFields > 0)
    warnings.push({
      code: 'E_ONNX_UNKNOWN_FIELDS',
      message: `${unknownFields} fields are unknown here: the model is newer than IR version ${newestIrVersion}, or damaged.`,
    });
  return warnings;
}

/** Opens an ONNX file: its initializers as tensors, its nodes as modules. */
export async function openOnnx(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  const { model, warnings } = await scanOnnx(source, abort);
  const graphs = graphsOf(model);
  const checked = checkModel(model, graphs);
  const files = new ExternalFiles(source);
  const inventory = new Inventory(source.size);
  for (const graph of graphs) inventory.addGraph(graph);
  await inventory.checkOutside(source, files, abort);
  const quantization = findQuantization(graphs, inventory.placed);
  const payloads = new Map<StorageRecord, Payload>();
  const tensors = [...inventory.placed].map(([name, { record, payload, module }]): NamedTensor => {
    if (payload !== undefined) payloads.set(record.storage, payload);
    const found = quantization.byName.get(name);
    const tensor = found === undefined ? record : { ...record, quantization: found };
    return { name, tensor, ...(module === undefined ? {} : { module }) };
  });
  return {
    format: 'onnx',
    label: `ONNX model, opset ${model.opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? '?'}`,
    bytes: source.size,
    tensors,
    metadata: metadataOf(model),
    moduleVersions: new Map(),
    moduleTypes: outlineTypes(graphs, inventory.ownerTypes),
    warnings: [...warnings, ...checked, ...quantization.warnings, ...inventory.warnings(), ...linkWarnings(files)],
    safety: { verdict: 'safe', globals: [] },
    opaque: inventory.texts,
    onnx: model,
    readBytes: (offset, length) => source.read(offset, length),
    async readTensor(tensor, check) {
      if (tensor.problem !== undefined) throw new QuantscopeError(tensor.problem);
      const payload = payloads.get(tensor.storage);
      if (payload === undefined) throw malformed('E_ONNX_DATA', 'The tensor is none of this file.');
      return readPart(source, files, payload, tensor, check);
    },
    async readRange(tensor, start, count, check, into) {
      const payload = payloads.get(tensor.storage);
      if (tensor.problem !== undefined || payload === undefined) return undefined;
      check.throwIfAborted();
      return readElements(source, files, payload, tensor, start, count, into);
    },
  };
}

function linkWarnings(files: ExternalFiles): Warning[] {
  const linked = files.hardLinked();
  if (linked.length === 0) return [];
  return [
    {
      code: 'E_ONNX_HARDLINK',
      message: `${quotedNames(linked)} beside the model has another name elsewhere on the disk; make sure that it belongs to the model.`,
    },
  ];
}

interface Entry extends Placed {
  readonly tensor: OnnxTensor;
  /** The module it belongs to, where its name does not say so. */
  readonly module: string | undefined;
}

/** The tensors of a model by name, and the nodes that own those whose names are no paths. */
class Inventory {
  readonly placed = new Map<string, Entry>();
  /** Operator types of nodes that own tensors, by path. */
  readonly ownerTypes = new Map<string, string>();
  readonly texts: { readonly path: string; readonly name: string }[] = [];
  private readonly renamed: string[] = [];

  constructor(private readonly fileSize: number) {}

  addGraph(scoped: ScopedGraph): void {
    const { graph, path } = scoped;
    const users = firstUsers(scoped);
    for (const tensor of graph.initializers) this.add(tensor, denseRecord(tensor, this.fileSize), users, path);
    for (const sparse of graph.sparseInitializers)
      if (sparse.values !== undefined) this.add(sparse.values, sparseRecord(sparse, this.fileSize), users, path);
    for (const { opType, outputs, attributes } of graph.nodes) {
      if (opType !== 'Constant') continue;
      for (const { name, t, sparseTensor } of attributes) {
        if (name === 'value' && t !== undefined && elements(t) >= minConstantElements)
          this.add({ ...t, name: outputs[0] ?? t.name }, denseRecord(t, this.fileSize), users, path);
        if (name === 'sparse_value' && sparseTensor?.values !== undefined)
          this.add(
            { ...sparseTensor.values, name: outputs[0] ?? '' },
            sparseRecord(sparseTensor, this.fileSize),
            users,
            path,
          );
      }
    }
  }

  private add(tensor: OnnxTensor, placed: Placed, users: ReturnType<typeof firstUsers>, graphPath: string): void {
    if (dataTypeName(tensor.dataType) === 'string') {
      this.texts.push({ path: tensor.name, name: `string tensor [${tensor.dims.join(', ')}]` });
      return;
    }
    const owner = ownerOf(tensor.name, users.get(tensor.name), graphPath);
    if (owner?.type !== undefined) this.ownerTypes.set(owner.path, owner.type);
    this.placed.set(this.uniqueName(tensor.name, graphPath), { ...placed, tensor, module: owner?.path });
  }

  private uniqueName(name: string, graphPath: string): string {
    if (!this.placed.has(name)) return name;
    const scoped = graphPath === '' ? name : `${graphPath}.${name}`;
    let unique = scoped;
    for (let i = 2; this.placed.has(unique); i++) unique = `${scoped} (${i})`;
    if (graphPath === '') this.renamed.push(name);
    return unique;
  }

  /** Looks for external files and at the index lists of sparse tensors; what is wrong becomes the tensor's problem. */
  async checkOutside(source: ByteSource, files: ExternalFiles, abort: AbortCheck): Promise<void> {
    for (const [name, entry] of this.placed) {
      const { payload } = entry;
      const problem =
        payload?.kind === 'dense' && payload.external !== undefined
          ? await outsideProblem(files, payload)
          : payload?.kind === 'sparse' && payload.indices.count * 8 <= maxIndexBytes
            ? await indexProblem(source, files, payload, abort)
            : undefined;
      if (problem !== undefined)
        this.placed.set(name, { ...entry, record: { ...entry.record, problem }, payload: undefined });
    }
  }

  warnings(): Warning[] {
    const warnings: Warning[] = [];
    if (this.renamed.length > 0)
      warnings.push({
        code: 'E_ONNX_DUPLICATE',
        message: `Several tensors have one name: ${quotedNames(this.renamed)}.`,
      });
    const keys = [...new Set([...this.placed.values()].flatMap(({ tensor }) => unknownKeys(tensor.externalData)))];
    if (keys.length > 0)
      warnings.push({
        code: 'E_ONNX_EXTERNAL_KEY',
        message: `External data have keys that are ignored: ${quotedNames(keys)}.`,
      });
    const broken = [...this.placed].filter(([, { record }]) => record.problem !== undefined);
    const [first] = broken;
    if (first !== undefined) {
      const problem = first[1].record.problem as ErrorDetails;
      const more = broken.length > 1 ? ` (and ${broken.length - 1} more)` : '';
      warnings.push({
        code: problem.code,
        message: `${JSON.stringify(first[0].slice(0, 80))}${more} cannot be read: ${problem.message}`,
      });
    }
    return warnings;
  }
}

function elements({ dims }: OnnxTensor): number {
  return numel(dims.map(Number));
}

async function outsideProblem(
  files: ExternalFiles,
  payload: Payload & { kind: 'dense' },
): Promise<ErrorDetails | undefined> {
  const { external, tensor, type, count } = payload;
  if (external === undefined) return undefined;
  const file = await files.open(external.location, tensor.region.offset);
  if (file === undefined) return missing(external.location, tensor.region.offset);
  const end = external.offset + Math.ceil((count * type.bits) / 8);
  return end > file.size ? short(external.location, end, file.size) : undefined;
}

async function indexProblem(
  source: ByteSource,
  files: ExternalFiles,
  { indices, shape }: Payload & { kind: 'sparse' },
  abort: AbortCheck,
): Promise<ErrorDetails | undefined> {
  try {
    await readSparseIndices(source, files, indices, shape, abort);
    return undefined;
  } catch (error) {
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
    return error.details;
  }
}

function metadataOf(model: OnnxModel): Record<string, string> {
  const metadata: [string, string][] = [
    ['ir_version', String(model.irVersion)],
    ['producer', [model.producerName, model.producerVersion].filter((part) => part !== '').join(' ')],
    ['opset_import', model.opsets.map(({ domain, version }) => `${domain || 'ai.onnx'} ${version}`).join(', ')],
    ['domain', model.domain],
    ['model_version', model.modelVersion === 0 ? '' : String(model.modelVersion)],
    ['doc_string', model.docString],
    ['graph', model.graph?.name ?? ''],
    ['nodes', String((model.graph?.nodes.length ?? 0) + (model.graph?.nodesElided ?? 0))],
    ['inputs', valuesText(model.graph?.inputs ?? [])],
    ['outputs', valuesText(model.graph?.outputs ?? [])],
    [
      'functions',
      model.functions
        .map(({ name }) => name)
        .slice(0, 100)
        .join(', '),
    ],
    ...model.metadataProps.map(({ key, value }): [string, string] => [key, value]),
  ];
  return Object.fromEntries(metadata.filter(([, value]) => value !== ''));
}

/** `input: float[batch, 8], h0: float[1, 8]`. */
function valuesText(
  values: readonly { readonly name: string; readonly elemType: number; readonly shape?: readonly unknown[] }[],
): string {
  const shown = values.slice(0, 100).map(({ name, elemType, shape }) => {
    const sizes =
      shape === undefined
        ? ''
        : `[${shape
            .slice(0, 64)
            .map((size) => size ?? '?')
            .join(', ')}]`;
    return `${name}: ${dataTypeName(elemType)}${sizes}`;
  });
  return shown.join(', ');
}
