import type { AbortCheck } from '../core/abort';
import type { InspectDto, InspectTensorDto, ModelSummaryDto, RunnableDto } from '../protocol/modelDto';
import { printModel, type ReprNode, shownLines } from './moduleRepr';
import { type ModuleNode, storedAs, walk } from './moduleTree';
import { planModel } from './onnx/planModel';
import { type Model, type ModelTensor, ownerOf } from './openModel';
import { defaultSpec } from './qconfigSpec';
import { sampleStored } from './quantizedTensor';
import { runnableModules } from './runnable';

/** A picker of more modules than this helps nobody. */
const maxRunnable = 500;

/** What the header of the inspector and its overview say. Nothing here grows with the file. */
export function summarize(model: Model): ModelSummaryDto {
  const { file, root } = model;
  const repr = shownLines(printModel(reprTree(root, model.stem)));
  const plan = planModel(model, defaultSpec());
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
    repr: repr.text,
    reprLeftOut: repr.leftOut,
    reprInferred: !file.moduleTypes.has(''),
    metadata: file.metadata,
    warnings: file.warnings,
    safety: file.safety,
    quantizableCount: plan.quantized.size,
    runnable: runnable(model),
    ...(file.program !== undefined
      ? { code: 'archive' as const }
      : file.onnx?.graph !== undefined
        ? { code: 'onnx' as const }
        : {}),
    ...(file.moduleTypes.has('') ? { className: file.moduleTypes.get('') } : {}),
    holdsModules: file.modulePickle !== undefined && file.modules?.has('') === true,
  };
}

/** The whole inventory, as the command line prints it. */
export async function inspect(model: Model, abort: AbortCheck): Promise<InspectDto> {
  return {
    file: model.fileName,
    format: model.file.format,
    bytes: model.file.bytes,
    tensors: await inspectTensors(model, abort),
    modules: [...walk(model.tree)].map(({ path, type, repr, parameters, tensors }) => ({
      path,
      type,
      repr,
      params: parameters,
      tensors: tensors.map(({ name }) => name),
    })),
    repr: printModel(reprTree(model.root, model.stem)),
    sources: model.file.sources ?? [],
    metadata: model.file.metadata,
    warnings: model.file.warnings,
    safety: model.file.safety,
  };
}

/** Samples of more quantized tensors than this nobody reads. */
const maxSamples = 10_000;

async function inspectTensors(model: Model, abort: AbortCheck): Promise<InspectTensorDto[]> {
  const tensors: InspectTensorDto[] = [];
  let samples = 0;
  for (const tensor of model.tensors.values()) {
    const { name, shape, dtype, bytes, record, encoding, tiedTo } = tensor;
    const module = ownerOf(model, name)?.path ?? '';
    const described = {
      name,
      shape,
      dtype,
      bytes,
      module,
      ...(encoding === undefined ? {} : { encoding }),
      ...(tiedTo === undefined ? {} : { tiedTo }),
    };
    const quantized = record.quantization !== undefined && ++samples <= maxSamples;
    const stored = quantized ? await sampleStored(model, tensor, abort) : null;
    tensors.push(stored === null ? described : { ...described, stored });
  }
  return tensors;
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
    const replaced = replace(node);
    const line = replaced ?? (node.repr || (node === root ? stem : 'Module'));
    const shown = replaced === undefined ? children : [];
    done.set(node, { name: node.name, line, children: shown, joinsEqual: node.joinsEqual });
  }
  return done.get(root) as ReprNode;
}

function dominantDtype(root: ModuleNode<ModelTensor>): string {
  const dtypes = new Set<string>();
  for (const { tensors } of walk(root)) for (const tensor of tensors) dtypes.add(storedAs(tensor));
  return dtypes.size === 1 ? [...dtypes][0] : dtypes.size === 0 ? 'empty' : 'mixed';
}

/** What can be run by itself; the whole model first, where the file carries its code. */
function runnable({ file, root, stem }: Model): RunnableDto[] {
  const modules = runnableModules(root, maxRunnable);
  if (file.program === undefined || modules.length === 0 || modules.some(({ path }) => path === '')) return modules;
  const type = root.type || stem;
  return [{ path: '', type, repr: root.repr || type, inputs: modules[0].inputs }, ...modules];
}
