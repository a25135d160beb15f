import type { AbortCheck } from '../core/abort';
import { QuantscopeError, unsupported } from '../core/errors';
import { createModule, hasForward } from '../engine/nn/createModule';
import { isQuantizable, isTable } from '../engine/nn/dynamicTwin';
import type { QuantizableModule, QuantizableTable, RunnableModule } from '../engine/nn/module';
import type { FloatTensor } from '../engine/tensor/tensor';
import { attributesOf, engineClass, readParameters } from './loadModule';
import { type ModuleNode, walk } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { isStoredTwin, loadStoredTwin, type StoredTwin } from './storedTwin';

/** float32 values of a model that is run as a whole: its weights stay in memory while it runs. */
const maxParameters = 1_000_000_000;

/** A module with everything below it in memory, to be put together with some parts replaced. */
export interface LoadedTree {
  /** Modules that have a dynamic twin, by path, in the order of the file. */
  readonly quantizable: ReadonlyMap<string, QuantizableModule | QuantizableTable>;
  /** The whole module; `replacements` by path stand in for the float ones. */
  assemble(replacements?: ReadonlyMap<string, RunnableModule>): RunnableModule;
}

/** Why a module cannot be run as a whole, or undefined when it can. */
export function cannotRun(node: ModuleNode): string | undefined {
  if (node.optimizer) return 'it is an optimizer’s state';
  for (const below of walk(node)) {
    const type = engineClass(below);
    if (type !== undefined && hasForward(type)) continue;
    const name = below.path === node.path ? 'it' : below.path;
    return below.type === ''
      ? `the file does not say what ${name} is`
      : `the forward of ${below.type} (${name}) is not in the file`;
  }
  return undefined;
}

/** Reads a module and everything below it; E_NOT_RUNNABLE where a forward is unknown. */
export async function loadTree(model: Model, node: ModuleNode<ModelTensor>, abort: AbortCheck): Promise<LoadedTree> {
  const reason = cannotRun(node);
  if (reason !== undefined) {
    throw unsupported('E_NOT_RUNNABLE', `${node.path || 'The model'} cannot be run as a whole: ${reason}.`, {
      hint: 'Choose a module of a known type.',
    });
  }
  if (node.parameters > maxParameters) {
    throw unsupported('E_MODEL_LIMIT', `A model of ${node.parameters} parameters is too large to be run as a whole.`, {
      expected: `at most ${maxParameters}`,
      found: String(node.parameters),
      hint: 'Choose one of its modules.',
    });
  }
  const nodes = [...walk(node)];
  const parameters = new Map<string, Map<string, FloatTensor>>();
  const twins = new Map<string, StoredTwin>();
  for (const each of nodes) {
    if (isStoredTwin(each)) twins.set(each.path, await loadStoredTwin(model, each, abort));
    else parameters.set(each.path, await readParameters(model, each, abort));
  }
  const assemble = (replacements: ReadonlyMap<string, RunnableModule> = new Map()) =>
    build(nodes, parameters, new Map([...twins, ...replacements]));
  const quantizable = new Map<string, QuantizableModule | QuantizableTable>();
  const float = buildAll(nodes, parameters, twins);
  for (const { path } of nodes) {
    const module = float.get(path);
    if (module !== undefined && (isQuantizable(module) || isTable(module))) quantizable.set(path, module);
  }
  return { quantizable, assemble };
}

type AllParameters = ReadonlyMap<string, ReadonlyMap<string, FloatTensor>>;

function build(
  nodes: readonly ModuleNode[],
  parameters: AllParameters,
  replacements: ReadonlyMap<string, RunnableModule>,
) {
  return buildAll(nodes, parameters, replacements).get(nodes[0].path) as RunnableModule;
}

/** Children before parents: the list has parents first. */
function buildAll(
  nodes: readonly ModuleNode[],
  parameters: AllParameters,
  replacements: ReadonlyMap<string, RunnableModule>,
): Map<string, RunnableModule> {
  const built = new Map<string, RunnableModule>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    const children = node.children.map((child): [string, RunnableModule] => [
      child.name,
      built.get(child.path) as RunnableModule,
    ]);
    const module = replacements.get(node.path) ?? create(node, parameters, new Map(children));
    built.set(node.path, named(module, node.path));
  }
  return built;
}

/** Errors that say already where they come from. */
const placed = new WeakSet<QuantscopeError>();
const namedModules = new WeakSet<RunnableModule>();

/** The same module, whose errors start with its path: `decoder.rnn: input must have 3 dimensions, got 2`. */
function named(module: RunnableModule, path: string): RunnableModule {
  if (path === '' || namedModules.has(module)) return module;
  namedModules.add(module);
  const forward = module.forward.bind(module);
  module.forward = (inputs, context) => {
    try {
      return forward(inputs, context);
    } catch (error) {
      if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted' || placed.has(error)) throw error;
      const { details } = error;
      const told = new QuantscopeError({ ...details, message: `${path}: ${details.message}` });
      placed.add(told);
      throw told;
    }
  };
  return module;
}

function create(
  node: ModuleNode,
  parameters: AllParameters,
  children: ReadonlyMap<string, RunnableModule>,
): RunnableModule {
  try {
    return createModule(
      engineClass(node) as string,
      attributesOf(node),
      parameters.get(node.path) ?? new Map(),
      children,
    );
  } catch (error) {
    if (!(error instanceof QuantscopeError)) throw error;
    const { details } = error;
    throw new QuantscopeError({ ...details, message: `${node.path || node.type}: ${details.message}` });
  }
}
