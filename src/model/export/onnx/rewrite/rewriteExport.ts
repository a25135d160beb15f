import type { AbortCheck } from '../../../../core/abort';
import { invalid, unsupported } from '../../../../core/errors';
import type { Progress } from '../../../../core/progress';
import type { Part } from '../../../../formats/onnx/protobuf';
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo, Region } from '../../../../formats/onnx/types';
import { type CopiedMessage, type InitializerData, planOnnx, type ValueData } from '../../../../formats/onnx/write';
import type { ExportRequestDto } from '../../../../protocol/exportDto';
import { readValues } from '../../../loadModule';
import { findTensor, type Model } from '../../../openModel';
import type { PlannedExport } from '../../exportModel';
import { OnnxRewriter } from './onnxRewriter';
import { rewriteNode } from './rewriteNodes';

const pieceBytes = 8 * 1024 * 1024;

/** DynamicQuantizeLinear came with this opset. */
const firstOpset = 11;

/** Initializers are graph inputs as well before this version. */
const separateInputs = 4;

/** What may stand in a graph's inputs and outputs, by TensorProto.DataType. */
const dtypes: Readonly<Record<number, ValueData['dtype']>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
};

/**
 * An ONNX model with its constant weights in int8 and its activations quantized at every run, as
 * onnxruntime's quantize_dynamic rewrites it. Opset and IR stay; nodes, functions and constants
 * that are not touched are copied byte for byte.
 */
export async function rewrittenOnnx(
  model: Model,
  { spec, reduceRange }: ExportRequestDto,
  fileName: string,
  abort: AbortCheck,
  progress: Progress,
): Promise<PlannedExport['files']> {
  const onnx = model.file.onnx;
  const graph = onnx?.graph;
  if (onnx === undefined || graph === undefined || model.file.readBytes === undefined || spec === null) {
    throw invalid('E_EXPORT_ONNX', 'Only an ONNX model can be rewritten, and only to a quantized one.');
  }
  checkRewritable(onnx, graph);
  const copy = copier(model);
  const weights = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const read = (name: string) => readValues(model, findTensor(model, name), abort);
  const rewriter = new OnnxRewriter(weights, read, copy, { perChannel: spec.perChannel, reduceRange });
  for (const [i, node] of graph.nodes.entries()) {
    abort.throwIfAborted();
    progress(i, graph.nodes.length, node.name || node.opType);
    if (excluded(node, spec.exclude) || !(await rewriteNode(rewriter, node))) rewriter.keep(node, innerNames(node));
  }
  for (const { name } of graph.outputs) rewriter.restore(name);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const kept = graph.initializers.filter(({ name }) => rewriter.isUsed(name) || outputs.has(name));
  return planOnnx(
    {
      irVersion: Number(onnx.irVersion),
      opsets: opsetsWith(onnx, rewriter),
      graph: {
        name: graph.name,
        nodes: rewriter.nodes,
        copiedInitializers: kept.filter(isInside).map(({ region }) => copy(region)),
        initializers: [
          ...kept.filter((tensor) => !isInside(tensor)).map((tensor) => outside(model, tensor, abort)),
          ...rewriter.initializers,
        ],
        inputs: graphInputs(onnx, graph, kept, rewriter.initializers),
        outputs: graph.outputs.map(valueData),
      },
      metadata: Object.fromEntries(onnx.metadataProps.map(({ key, value }) => [key, value])),
      functions: onnx.functions.map(({ region }) => copy(region)),
    },
    fileName,
  );
}

function checkRewritable(onnx: OnnxModel, graph: OnnxGraph): void {
  const opset = Number(onnx.opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0);
  const refuse = (why: string) =>
    unsupported('E_EXPORT_ONNX', `This model cannot be rewritten: ${why}.`, {
      hint: 'Use onnxruntime.quantization.quantize_dynamic.',
    });
  if (opset < firstOpset) throw refuse(`its opset is ${opset}, and dynamic quantization needs ${firstOpset}`);
  if (graph.nodesElided > 0) throw refuse('it has more nodes than are read');
  if (graph.sparseInitializers.length > 0 || onnx.training.length > 0)
    throw refuse('it has sparse constants or training graphs');
  if ([...graph.inputs, ...graph.outputs].some(({ elemType }) => dtypes[elemType] === undefined))
    throw refuse('an input or output is no tensor of numbers');
}

/** Messages of the file, copied by range when they are written. */
function copier(model: Model): (region: Region) => CopiedMessage {
  const { readBytes } = model.file;
  return ({ offset, length }) => {
    const copied: Part = {
      length,
      async *chunks() {
        for (let at = 0; at < length; at += pieceBytes)
          yield (await readBytes?.call(model.file, offset + at, Math.min(pieceBytes, length - at))) ??
            new Uint8Array(0);
      },
    };
    return { copied };
  };
}

function excluded({ name }: OnnxNode, patterns: readonly string[]): boolean {
  return patterns.includes(name);
}

/** Values that the graphs inside a node's attributes read. */
function innerNames(node: OnnxNode): string[] {
  const names: string[] = [];
  const graphs = node.attributes.flatMap(({ g, graphs: more }) => [...(g === undefined ? [] : [g]), ...more]);
  for (let graph = graphs.pop(); graph !== undefined; graph = graphs.pop()) {
    names.push(...graph.outputs.map(({ name }) => name));
    for (const inner of graph.nodes) {
      names.push(...inner.inputs);
      for (const { g, graphs: more } of inner.attributes) graphs.push(...(g === undefined ? [] : [g]), ...more);
    }
  }
  return names;
}

function isInside(tensor: OnnxTensor): boolean {
  return tensor.dataLocation === 0;
}

/** A constant whose values are in another file: the new model has them itself. */
function outside(model: Model, { name }: OnnxTensor, abort: AbortCheck): InitializerData {
  const { dtype, shape, record } = findTensor(model, name);
  return { name, dtype, shape, data: () => model.file.readTensor(record, abort) };
}

function opsetsWith(onnx: OnnxModel, { nodes }: OnnxRewriter): { domain: string; version: number }[] {
  const opsets = onnx.opsets.map(({ domain, version }) => ({ domain, version: Number(version) }));
  const foreign = nodes.some((node) => 'domain' in node && node.domain === 'com.microsoft');
  const known = opsets.some(({ domain }) => domain === 'com.microsoft');
  return foreign && !known ? [...opsets, { domain: 'com.microsoft', version: 1 }] : opsets;
}

function graphInputs(
  onnx: OnnxModel,
  graph: OnnxGraph,
  kept: readonly OnnxTensor[],
  made: readonly InitializerData[],
): ValueData[] {
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const still = new Set(kept.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !constants.has(name) || still.has(name)).map(valueData);
  const extra =
    Number(onnx.irVersion) < separateInputs ? made.map(({ name, dtype, shape }) => ({ name, dtype, shape })) : [];
  return [...inputs, ...extra];
}

function valueData({ name, elemType, shape }: OnnxValueInfo): ValueData {
  return {
    name,
    dtype: dtypes[elemType],
    shape: (shape ?? []).map((size, i) =>
      size === null ? `dim_${i}` : typeof size === 'string' ? size : Number(size),
    ),
  };
}
