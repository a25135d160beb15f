import type { ForwardPlanDto, PlanStepDto, PlanValueDto } from '../../../protocol/planDto';
import type { ModuleNode } from '../../moduleTree';
import type { Model, ModelTensor } from '../../openModel';
import { planFunctions } from '../../plan/planFunctions';
import type { Value as ModuleValue } from './emitContext';
import { bareNode, EmitContext, type Node, notExported } from './emitContext';
import { emitModule, finish, type GraphEnds } from './emitGraph';
import type { GraphBuilder } from './graphBuilder';
import { planFunctionEmitter } from './planFunctionNodes';
import { planInputs } from './planInputs';
import { joinPath, type WeightSource } from './weightSource';

/** Values of a step: one, or the parts of a tuple in their order. */
type Values = readonly ModuleValue[];

/**
 * The graph of a forward plan: its steps in turn, modules by the same emitters as in a container,
 * with the arguments that the plan gives them.
 */
export function emitPlan(graph: GraphBuilder, weights: WeightSource, model: Model, plan: ForwardPlanDto): GraphEnds {
  const context = new EmitContext(graph, weights, emitModule);
  const inputs = planInputs(plan);
  const values = new Map<string, Values>(inputs.map((input) => [input.name, [input]]));
  for (const { name } of inputs) graph.reserve(name);
  for (const step of plan.steps) {
    // readPlan lets no name through that no step or input before has.
    const given = step.from.flatMap((name) => values.get(name) ?? []);
    values.set(step.name, emitStep(context, model, step, given));
  }
  const results = plan.outputs.flatMap((name) => values.get(name) ?? []);
  const outputs = results.map(({ name, dtype, shape }, i) => {
    const shown = graph.unique(results.length === 1 ? 'output' : `output.${i}`);
    finish(graph, name, shown);
    return { name: shown, dtype, shape };
  });
  return { inputs, outputs };
}

function emitStep(context: EmitContext, model: Model, step: PlanStepDto, given: Values): Values {
  const { name, type = '', module, arguments: args = {} } = step;
  if (module === undefined) {
    const called = step.function ?? '';
    const path = `${name}.${called}`;
    // A tuple is no argument of a function.
    if (given.length !== step.from.length) throw notExported({ path, name, type }, 'it is given a tuple');
    const defaults = Object.entries(planFunctions.get(called)?.arguments ?? {}).flatMap(
      ([key, { default: value }]): [string, PlanValueDto][] => (value === undefined ? [] : [[key, value]]),
    );
    return [planFunctionEmitter(called)(context, path, given, { ...Object.fromEntries(defaults), ...args })];
  }
  const node = planNode(model, module, type, args);
  return taken(node, context.emit(context, node, given), step.take ?? []);
}

/** An LSTM's h and c are a tuple in its result: `[1, 0]` is h, `[1]` both. */
function taken(node: Node, values: Values, take: readonly number[]): Values {
  if (take.length === 0) return values;
  const nested = node.type === 'LSTM' ? [values.slice(0, 1), values.slice(1)] : values.map((value) => [value]);
  // A tensor could be indexed too, but then a plan would not say what a module gives.
  const [first, second, ...more] = take;
  const part = values.length < 2 || more.length > 0 ? undefined : nested[first];
  const found =
    second === undefined ? part : part !== undefined && part.length > 1 ? part.slice(second, second + 1) : undefined;
  if (found === undefined || found.length === 0) throw notExported(node, `its result has no part [${take.join('][')}]`);
  return found;
}

/** The module of the file as the plan builds it: its class and arguments are the plan's. */
function planNode(model: Model, path: string, type: string, args: Readonly<Record<string, PlanValueDto>>): Node {
  const full = joinPath(model.root.path, path);
  const found = model.modules.get(full) ?? bareNode(full);
  const parts = partArguments(type, args);
  const children = found.children.map((child) => {
    const own = parts(child.name);
    return own === undefined ? child : built(child, own.type, own.args, child.children);
  });
  return built(found, type, args, children);
}

function built(
  node: Node,
  type: string,
  args: Readonly<Record<string, PlanValueDto>>,
  children: readonly ModuleNode<ModelTensor>[],
): Node {
  const names = children.map(({ name }) => name);
  return { ...node, type, children, record: { className: `torch.nn.${type}`, attributes: args, children: names } };
}

interface Part {
  readonly type: string;
  readonly args: Readonly<Record<string, PlanValueDto>>;
}

/** What the constructor of a transformer's layer hands on to the modules below it. */
function partArguments(type: string, args: Readonly<Record<string, PlanValueDto>>): (name: string) => Part | undefined {
  if (!/^Transformer(En|De)coderLayer$/.test(type)) return () => undefined;
  const { nhead = 1, batch_first: batchFirst = false, layer_norm_eps: eps = 1e-5 } = args;
  return (name): Part | undefined => {
    if (/^norm\d$/.test(name)) return { type: 'LayerNorm', args: { eps } };
    if (!/^(self|multihead)_attn$/.test(name)) return undefined;
    return { type: 'MultiheadAttention', args: { num_heads: nhead, batch_first: batchFirst } };
  };
}
