import type { QuantizeSpecDto } from '../../protocol/quantizeDto';
import type { ModuleNode } from '../moduleTree';
import type { Model, ModelTensor } from '../openModel';
import { planQuantization, type QuantizePlan } from '../quantizePlan';
import { planGraph } from './graphPlan';

/** What the spec does to a file: to the nodes of its graph where it has one, else to its modules. */
export function planModel(
  model: Model,
  spec: QuantizeSpecDto,
  root: ModuleNode<ModelTensor> = model.root,
): QuantizePlan<ModelTensor> {
  const graph = model.file.onnx?.graph;
  return graph === undefined ? planQuantization(root, spec) : planGraph(model, graph, spec);
}
