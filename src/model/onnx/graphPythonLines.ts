import type { OnnxGraph } from '../../formats/onnx/types';
import type { QuantizeSpecDto } from '../../protocol/quantizeDto';
import type { Model } from '../openModel';
import { type GraphPlan, planGraph } from './graphPlan';

/** The lines that rewrite the graph so in onnxruntime's Python. What they cannot say stands in a comment. */
export function graphPythonLines(model: Model, graph: OnnxGraph, spec: QuantizeSpecDto): string {
  const plan = planGraph(model, graph, spec);
  const { excluded, unnamed } = left(plan);
  const perChannel = [...plan.nodes.values()].filter((qconfig) => qconfig === 'per_channel_dynamic').length;
  const all = perChannel === plan.nodes.size && perChannel > 0;
  const lines = [
    '# The same in onnxruntime.',
    ...(plan.nodes.size === 0 ? ['# Nothing in this graph is quantized.'] : []),
    ...unnamed.map((type) => `# A ${type} without a name stays float: name it first, and add it to nodes_to_exclude.`),
    ...(perChannel > 0 && !all ? ['# Only some nodes are quantized per channel; onnxruntime does all or none.'] : []),
    'from onnxruntime.quantization import QuantType, quantize_dynamic',
    '',
    'quantize_dynamic(',
    `    ${JSON.stringify(model.fileName)},`,
    `    ${JSON.stringify(`${model.stem}.int8.onnx`)},`,
    '    weight_type=QuantType.QInt8,',
    ...(all ? ['    per_channel=True,'] : []),
    ...(excluded.length === 0
      ? []
      : [`    nodes_to_exclude=[${excluded.map((name) => JSON.stringify(name)).join(', ')}],`]),
    ')',
  ];
  return `${lines.join('\n')}\n`;
}

/** The nodes that could be quantized and are not: by the names that onnxruntime knows them under, or by their operators. */
function left({ units, nodes }: GraphPlan): {
  readonly excluded: readonly string[];
  readonly unnamed: readonly string[];
} {
  const floats = units.filter(({ index }) => !nodes.has(index)).map(({ node }) => node);
  return {
    // A Gemm becomes a MatMul of this name before names are looked at.
    excluded: floats
      .filter(({ name }) => name !== '')
      .map(({ name, opType }) => (opType === 'Gemm' ? `${name}_MatMul` : name)),
    unnamed: floats.filter(({ name }) => name === '').map(({ opType }) => opType),
  };
}
