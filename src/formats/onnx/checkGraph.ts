import { malformed } from '../../core/errors';
import { quotedNames } from '../../core/text';
import type { Warning } from '../types';
import { newestIrVersion, newestOpset } from './limits';
import type { ScopedGraph } from './scopes';
import type { OnnxFunction, OnnxGraph, OnnxModel, OnnxNode } from './types';

const knownDomains: ReadonlySet<string> = new Set([
  '',
  'ai.onnx',
  'ai.onnx.ml',
  'ai.onnx.training',
  'ai.onnx.preview',
  'ai.onnx.preview.training',
  'com.microsoft',
  'com.microsoft.experimental',
  'com.microsoft.nchwc',
  'com.ms.internal.nhwc',
  'org.pytorch.aten',
]);

/** What a person should know of a model that can be shown all the same. */
export function checkModel(model: OnnxModel, graphs: readonly ScopedGraph[]): Warning[] {
  refuseRecursion(model.functions);
  return [...checkVersions(model), ...graphs.flatMap(({ graph, path }) => checkGraph(graph, path, graphs))];
}

function checkVersions({ irVersion, opsets, functions }: OnnxModel): Warning[] {
  const warnings: Warning[] = [];
  if (irVersion > newestIrVersion || irVersion < 1)
    warnings.push({
      code: 'E_ONNX_IR_VERSION',
      message: `The model says IR version ${irVersion}; the newest one known here is ${newestIrVersion}.`,
    });
  const local = new Set(functions.map(({ domain }) => domain));
  for (const { domain, version } of opsets) {
    const isDefault = domain === '' || domain === 'ai.onnx';
    if (isDefault && (version > newestOpset || version < 1))
      warnings.push({
        code: 'E_ONNX_OPSET',
        message: `The model asks for operator set ${version}; the newest one known here is ${newestOpset}.`,
      });
    if (!knownDomains.has(domain) && !local.has(domain) && !domain.startsWith('pkg.'))
      warnings.push({
        code: 'E_ONNX_DOMAIN',
        message: `The operators of the domain ${quotedNames([domain])} are not known here.`,
      });
  }
  return warnings;
}

/** A function that reaches itself has no end; ONNX forbids it, and inlining it would never stop. */
function refuseRecursion(functions: readonly OnnxFunction[]): void {
  const key = (domain: string, name: string) => `${domain}\n${name}`;
  const byName = new Map(functions.map((fn) => [key(fn.domain, fn.name), fn]));
  const callees = ({ nodes }: OnnxFunction) =>
    nodes.map(({ domain, opType }) => byName.get(key(domain, opType))).filter((fn) => fn !== undefined);
  const done = new Set<OnnxFunction>();
  for (const root of functions) {
    const open = new Set<OnnxFunction>();
    const stack: { fn: OnnxFunction; left: OnnxFunction[] }[] = [];
    const enter = (fn: OnnxFunction) => {
      open.add(fn);
      stack.push({ fn, left: callees(fn) });
    };
    if (!done.has(root)) enter(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const callee = top.left.pop();
      if (callee === undefined) {
        open.delete(top.fn);
        done.add(top.fn);
        stack.pop();
      } else if (open.has(callee)) {
        throw malformed('E_ONNX_RECURSION', 'A function of the model calls itself.', {
          where: { offset: callee.region.offset, field: 'functions' },
          found: [...stack.map(({ fn }) => fn.name.slice(0, 80)), callee.name.slice(0, 80)].join(' › ').slice(0, 400),
          expected: 'functions that call only others',
        });
      } else if (!done.has(callee)) enter(callee);
    }
  }
}

function checkGraph(graph: OnnxGraph, path: string, graphs: readonly ScopedGraph[]): Warning[] {
  const warnings: Warning[] = [];
  const where = path === '' ? 'The graph' : `The graph ${quotedNames([path])}`;
  if (graph.nodesElided > 0)
    warnings.push({
      code: 'E_ONNX_NODE_LIMIT',
      message: `${where} has ${graph.nodesElided} more nodes than the ${graph.nodes.length} that are shown.`,
    });
  const produced = new Map<string, OnnxNode>();
  const twice = new Set<string>();
  for (const node of graph.nodes)
    for (const output of node.outputs) {
      if (output === '') continue;
      if (produced.has(output)) twice.add(output);
      else produced.set(output, node);
    }
  if (twice.size > 0)
    warnings.push({
      code: 'E_ONNX_DUPLICATE_OUTPUT',
      message: `${where} computes a value twice: ${quotedNames([...twice])}.`,
    });
  // Values of an outer graph may be used; with elided nodes nobody can tell what is missing.
  const complete = path === '' && graph.nodesElided === 0 && graphs.length > 0;
  const missing = complete ? missingInputs(graph, produced) : [];
  if (missing.length > 0)
    warnings.push({
      code: 'E_ONNX_MISSING_INPUT',
      message: `${where} uses values that nothing computes: ${quotedNames(missing)}.`,
    });
  const cycle = nodesInCycles(graph.nodes, produced);
  if (cycle.length > 0)
    warnings.push({ code: 'E_ONNX_CYCLE', message: `${where} runs in a circle through ${quotedNames(cycle)}.` });
  return warnings;
}

function missingInputs(graph: OnnxGraph, produced: ReadonlyMap<string, OnnxNode>): string[] {
  const given = new Set<string>([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.map(({ name }) => name),
    ...graph.sparseInitializers.map(({ values }) => values?.name ?? ''),
  ]);
  const missing = new Set<string>();
  for (const { inputs } of graph.nodes)
    for (const name of inputs) if (name !== '' && !given.has(name) && !produced.has(name)) missing.add(name);
  return [...missing];
}

/** Names of nodes that are never ready: Kahn's order, which ends early at a cycle. */
function nodesInCycles(nodes: readonly OnnxNode[], produced: ReadonlyMap<string, OnnxNode>): string[] {
  const waiting = new Map<OnnxNode, number>();
  const users = new Map<OnnxNode, OnnxNode[]>();
  for (const node of nodes) {
    let count = 0;
    for (const name of node.inputs) {
      const producer = produced.get(name);
      if (producer === undefined) continue;
      count++;
      const list = users.get(producer);
      if (list === undefined) users.set(producer, [node]);
      else list.push(node);
    }
    waiting.set(node, count);
  }
  const ready = nodes.filter((node) => waiting.get(node) === 0);
  for (let i = 0; i < ready.length; i++)
    for (const user of users.get(ready[i]) ?? []) {
      const left = (waiting.get(user) ?? 0) - 1;
      waiting.set(user, left);
      if (left === 0) ready.push(user);
    }
  if (ready.length === nodes.length) return [];
  return nodes.filter((node) => (waiting.get(node) ?? 0) > 0).map(({ name, opType }) => name || opType);
}
