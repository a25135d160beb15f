import type { AbortCheck } from '../../../../core/abort';
import { invalid, unsupported } from '../../../../core/errors';
import type { Progress } from '../../../../core/progress';
import type { Part } from '../../../../formats/onnx/protobuf';
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo, Region } from '../../../../formats/onnx/types';
import { type CopiedMessage, type InitializerData, planOnnx, type ValueData } from '../../../../formats/onnx/write';
import type { ExportRequestDto } from '../../../../protocol/exportDto';
import { readValues } from '../../../loadModule';
import { floatConstants, type GraphPlan, int8Only, planGraph } from '../../../onnx/graphPlan';
import { rewriteRefusal, valueTypes } from '../../../onnx/rewritable';
import { findTensor, type Model } from '../../../openModel';
import type { PlannedExport } from '../../exportModel';
import { OnnxRewriter, type QuantizedConstant } from './onnxRewriter';
import { passOnCodes, rewriteNode } from './rewriteNodes';

const pieceBytes = 8 * 1024 * 1024;

/** Initializers are graph inputs as well before this version. */
const separateInputs = 4;

/** The nodes to rewrite, by their places, and what else is wanted of the new graph. */
export interface Rewriting {
  readonly nodes: GraphPlan['nodes'];
  readonly reduceRange: boolean;
  /** Values of the graph that the new one gives as floats too, even where it only passes their codes on. */
  readonly values?: readonly string[];
  readonly onConstant?: (constant: QuantizedConstant) => void;
}

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
  const graph = model.file.onnx?.graph;
  if (graph === undefined || spec === null) throw notRewritable();
  const { nodes, skipped } = planGraph(model, graph, spec);
  const other = skipped.find(({ reason }) => reason === int8Only);
  if (other !== undefined) {
    throw unsupported('E_EXPORT_DTYPE', `${other.path} cannot be written so: ${int8Only}.`, { hint: 'Choose qint8.' });
  }
  return rewriteGraph(model, { nodes, reduceRange }, fileName, abort, progress);
}

/** The graph with exactly these nodes quantized. */
export async function rewriteGraph(
  model: Model,
  { nodes, reduceRange, onConstant, values = [] }: Rewriting,
  fileName: string,
  abort: AbortCheck,
  progress: Progress,
): Promise<PlannedExport['files']> {
  const onnx = model.file.onnx;
  const graph = onnx?.graph;
  if (onnx === undefined || graph === undefined || model.file.readBytes === undefined) throw notRewritable();
  const refusal = rewriteRefusal(onnx, graph);
  if (refusal !== undefined) {
    throw unsupported('E_EXPORT_ONNX', `This model cannot be rewritten: ${refusal}.`, {
      hint: 'Use onnxruntime.quantization.quantize_dynamic.',
    });
  }
  const copy = copier(model);
  const read = (name: string) => readValues(model, findTensor(model, name), abort);
  const rewriter = new OnnxRewriter(floatConstants(graph), read, copy, { reduceRange, onConstant });
  for (const [i, node] of graph.nodes.entries()) {
    abort.throwIfAborted();
    progress(i, graph.nodes.length, node.name || node.opType);
    const qconfig = nodes.get(i);
    rewriter.perChannel = qconfig === 'per_channel_dynamic';
    if (qconfig !== undefined) await rewriteNode(rewriter, node);
    else if (!passOnCodes(rewriter, node)) rewriter.keep(node, innerNames(node));
  }
  for (const name of values) rewriter.restore(name);
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

function notRewritable() {
  return invalid('E_EXPORT_ONNX', 'Only an ONNX model can be rewritten, and only to a quantized one.');
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
    dtype: valueTypes[elemType],
    shape: (shape ?? []).map((size, i) =>
      size === null ? `dim_${i}` : typeof size === 'string' ? size : Number(size),
    ),
  };
}
