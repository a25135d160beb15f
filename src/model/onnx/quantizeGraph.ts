import type { AbortCheck } from '../../core/abort';
import type { Progress } from '../../core/progress';
import { addErrorSums, type ErrorSums, errorMetrics, errorSums } from '../../engine/quantization/errorMetrics';
import type { OnnxGraph } from '../../formats/onnx/types';
import type {
  QuantizedModuleDto,
  QuantizedWeightDto,
  QuantizeReportDto,
  QuantizeSpecDto,
} from '../../protocol/quantizeDto';
import { reprTree } from '../describeModel';
import type { QuantizedConstant } from '../export/onnx/rewrite/onnxRewriter';
import { rewriteGraph } from '../export/onnx/rewrite/rewriteExport';
import { printModel } from '../moduleRepr';
import { ownName } from '../moduleTree';
import type { Model } from '../openModel';
import { sha256 } from '../twinReport';
import { type GraphPlan, type GraphUnit, graphBytes, planGraph } from './graphPlan';

/** The operator that takes a node's place. */
const rewrittenTo: Readonly<Record<string, string>> = {
  MatMul: 'MatMulInteger',
  Gemm: 'MatMulInteger',
  Conv: 'ConvInteger',
  LSTM: 'DynamicQuantizeLSTM',
  Attention: 'QAttention',
};

/** What quantize_dynamic of onnxruntime does to the graph of a file: its scales, and the size of the file it writes. */
export async function quantizeGraph(
  model: Model,
  graph: OnnxGraph,
  spec: QuantizeSpecDto,
  abort: AbortCheck,
  progress: Progress,
): Promise<QuantizeReportDto> {
  const plan = planGraph(model, graph, spec);
  const constants = new Map<string, { readonly dto: QuantizedWeightDto; readonly sums: ErrorSums }>();
  const seen: Promise<void>[] = [];
  const onConstant = (constant: QuantizedConstant) => {
    const { values, codes } = constant;
    const sums = errorSums(values, restored(constant));
    seen.push(
      sha256(codes).then(
        (int8Sha256) => void constants.set(constant.name, { dto: described(constant, int8Sha256, sums), sums }),
      ),
    );
  };
  const { nodes, qconfigs, bytesAfter, skipped } = plan;
  const files =
    nodes.size === 0
      ? []
      : await rewriteGraph(model, { nodes, reduceRange: false, onConstant }, model.fileName, abort, progress);
  await Promise.all(seen);
  const found = (names: readonly string[]) =>
    [...new Set(names)].map((name) => constants.get(name)).filter((one) => one !== undefined);
  const modules = [...byModule(plan)].map(([path, units]): QuantizedModuleDto => {
    const weights = found(units.flatMap((unit) => unit.weights));
    const bytes = units[0].module.bytes;
    return {
      path,
      type: units[0].node.opType,
      quantizedType: quantizedType(units[0]),
      qconfig: qconfigs.get(path) ?? 'default_dynamic',
      refusedByPyTorch: '',
      bytes: { before: bytes, after: bytesAfter.get(path) ?? bytes },
      sqnrDb: errorMetrics(addErrorSums(weights.map(({ sums }) => sums))).sqnrDb,
      weights: weights.map(({ dto }) => ({ ...dto, name: ownName(dto.name, path) })),
    };
  });
  const types = new Map(modules.map(({ path, quantizedType: type }) => [path, type]));
  const { root } = model;
  const before = graphBytes(model, graph);
  return {
    engine: spec.engine,
    dtype: spec.dtype,
    repr: {
      before: printModel(reprTree(root, model.stem)),
      after: printModel(reprTree(root, model.stem, ({ path }) => types.get(path))),
    },
    bytes: { before, after: nodes.size === 0 ? before : files.reduce((sum, file) => sum + file.plan.size, 0) },
    tensorBytes: { before: root.bytes, after: bytesAfter.get(root.path) ?? root.bytes },
    sqnrDb: errorMetrics(addErrorSums([...constants.values()].map(({ sums }) => sums))).sqnrDb,
    modules,
    skipped,
  };
}

/** The chosen nodes by the module that their weights belong to. */
function byModule({ units, nodes }: GraphPlan): Map<string, GraphUnit[]> {
  const modules = new Map<string, GraphUnit[]>();
  for (const unit of units) {
    if (!nodes.has(unit.index)) continue;
    const { path } = unit.module;
    modules.set(path, [...(modules.get(path) ?? []), unit]);
  }
  return modules;
}

/** A Gather stays one; its table's codes are unsigned. */
function quantizedType({ node: { opType } }: GraphUnit): string {
  return opType === 'Gather' ? 'Gather(dtype=uint8)' : `${rewrittenTo[opType]}(dtype=int8)`;
}

function described(
  { name, type, scales, zeroPoints, channels }: QuantizedConstant,
  int8Sha256: string,
  sums: ErrorSums,
): QuantizedWeightDto {
  return {
    name,
    scheme: scales.length === 1 ? 'per_tensor' : 'per_channel',
    axis: scales.length === 1 ? null : (channels?.axis ?? null),
    scales,
    zeroPoints,
    int8Sha256,
    ...(type === 'uint8' ? { dtype: 'quint8' as const } : {}),
    ...errorMetrics(sums),
  };
}

/** The values that the codes stand for. */
function restored({ codes, type, scales, zeroPoints, channels }: QuantizedConstant): Float32Array {
  const signed = type === 'int8' ? new Int8Array(codes.buffer, codes.byteOffset, codes.length) : codes;
  const inner = channels === undefined ? 1 : channels.shape.slice(channels.axis + 1).reduce((a, b) => a * b, 1);
  return Float32Array.from(signed, (code, i) => {
    const channel = channels === undefined ? 0 : Math.floor(i / inner) % scales.length;
    return (code - zeroPoints[channel]) * scales[channel];
  });
}
