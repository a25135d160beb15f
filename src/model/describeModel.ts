import type { InspectDto, ModelSummaryDto } from '../protocol/dto';
import { printModel, type ReprNode } from './moduleRepr';
import { type ModuleNode, walk } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { planQuantization } from './quantizePlan';
import { runnableModules } from './runnable';

/** A picker of more modules than this helps nobody. */
const maxRunnable = 500;

/** What the header of the inspector and its overview say. Nothing here grows with the file. */
export function summarize(model: Model): ModelSummaryDto {
  const { file, root } = model;
  const plan = planQuantization(root, {
    engine: 'fbgemm',
    dtype: 'qint8',
    perChannel: false,
    modules: null,
    exclude: [],
  });
  return {
    file: model.fileName,
    format: file.format,
    label: file.label,
    bytes: file.bytes,
    tensorBytes: root.bytes,
    parameters: root.parameters,
    tensorCount: root.tensorCount,
    moduleCount: [...walk(root)].length,
    dtype: dominantDtype(root),
    repr: printModel(reprTree(root, model.stem)),
    reprInferred: file.moduleTypes.size === 0,
    metadata: file.metadata,
    warnings: file.warnings,
    safety: file.safety,
    quantizableCount: plan.quantized.size,
    runnable: runnableModules(root, maxRunnable),
  };
}

/** The whole inventory, as the command line prints it. */
export function inspect(model: Model): InspectDto {
  return {
    file: model.fileName,
    format: model.file.format,
    bytes: model.file.bytes,
    tensors: [...model.tensors.values()].map(({ name, shape, dtype, bytes }) => ({
      name,
      shape,
      dtype,
      bytes,
      module: model.owners.get(name)?.path ?? '',
    })),
    modules: [...walk(model.tree)].map(({ path, type, repr, parameters, tensors }) => ({
      path,
      type,
      repr,
      params: parameters,
      tensors: tensors.map(({ name }) => name),
    })),
    repr: printModel(reprTree(model.root, model.stem)),
    metadata: model.file.metadata,
    warnings: model.file.warnings,
    safety: model.file.safety,
  };
}

/** print(model) as a tree; `replace` gives the line of a module that was quantized. */
export function reprTree(
  root: ModuleNode<ModelTensor>,
  stem: string,
  replace: (node: ModuleNode<ModelTensor>) => string | undefined = () => undefined,
): ReprNode {
  const done = new Map<ModuleNode<ModelTensor>, ReprNode>();
  const nodes = [...walk(root)].filter((node) => !node.optimizer);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    const children = node.children.map((child) => done.get(child)).filter((child) => child !== undefined);
    const line = replace(node) ?? (node.repr || (node === root ? stem : 'Module'));
    done.set(node, { name: node.name, line, children });
  }
  return done.get(root) as ReprNode;
}

function dominantDtype(root: ModuleNode<ModelTensor>): string {
  const dtypes = new Set<string>();
  for (const { tensors } of walk(root)) for (const { dtype } of tensors) dtypes.add(dtype);
  return dtypes.size === 1 ? [...dtypes][0] : dtypes.size === 0 ? 'empty' : 'mixed';
}
