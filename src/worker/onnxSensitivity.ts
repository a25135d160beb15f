import type { Progress } from '../core/progress';
import { type FloatTensor, floatTensor, type Tensor } from '../engine/tensor/tensor';
import { planGraph } from '../model/onnx/graphPlan';
import { sensitivity } from '../model/sensitivity';
import type { SensitivityDto, SensitivityRequestDto } from '../protocol/answersDto';
import { type GraphFile, noGraph, quantizedParts, runOpen, withGraph, withSession } from './onnxGraph';
import { numbers } from './outputArrays';

/**
 * Each layer of a graph quantized alone, ranked by the error at the graph's first output: for every
 * layer the graph is rewritten and ONNX Runtime loads and runs it once.
 */
export async function graphSensitivity(
  file: GraphFile,
  request: SensitivityRequestDto,
  progress: Progress,
): Promise<SensitivityDto> {
  const { model, abort } = file;
  const graph = model.file.onnx?.graph;
  if (graph === undefined) throw noGraph();
  const asked = { seed: request.seed, shapes: request.shapes ?? [], inputs: request.inputs ?? null, values: [] };
  return withGraph(file, asked, async (prepared) => {
    const { session, inputs } = prepared;
    const plan = planGraph(model, graph, request.spec);
    const pathOf = new Map(plan.units.map(({ index, module }) => [index, module.path]));
    const reference = firstOutput(await runOpen(prepared));
    const output = async (chosen: (path: string) => boolean): Promise<FloatTensor> => {
      const nodes = new Map([...plan.nodes].filter(([index]) => chosen(pathOf.get(index) ?? '')));
      if (nodes.size === 0) return reference;
      const parts = await quantizedParts(prepared, { nodes, reduceRange: false });
      return withSession(parts, false, abort, async (own) => firstOutput(await own.run(inputs)));
    };
    return sensitivity(model, request, abort, progress, undefined, {
      inputs: inputs.map(({ shape }, i) => ({ name: session.inputs[i].name, shape })),
      paths: [...plan.quantized.keys()],
      reference,
      output,
      plan,
    });
  });
}

function firstOutput([first]: readonly Tensor[]): FloatTensor {
  return floatTensor(numbers(first), first.shape);
}
