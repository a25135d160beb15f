import type { AbortCheck } from '../../core/abort';
import { construct } from '../../engine/forward/interpreter/call';
import { type RunOptions, startRun } from '../../engine/forward/runProgram';
import { walkModules } from '../../engine/forward/source/moduleClass';
import { SourceProgram } from '../../engine/forward/source/sourceProgram';
import { parsePython } from '../../engine/forward/syntax/parsePython';
import { noKeywords, type PyObject } from '../../engine/forward/values/values';
import type { ForwardPlanDto, PlanReportDto } from '../../protocol/planDto';
import { loadState } from '../loadState';
import { walk } from '../moduleTree';
import type { Model } from '../openModel';
import type { Program } from '../scriptProgram';
import { planClass, planPython } from './planPython';

/**
 * The plan as a program with the checkpoint's values: the class that it stands for is built and
 * run as any class of a Python file is. Tensors of modules that no step uses stay unread.
 */
export async function loadPlanProgram(
  model: Model,
  plan: ForwardPlanDto,
  options: Omit<RunOptions, 'swaps'>,
  abort: AbortCheck,
): Promise<Program> {
  const source = new SourceProgram([parsePython(planPython(plan), 'the forward plan')]);
  const run = startRun(options);
  source.start(run);
  const root = construct(run, source.classNamed(planClass), [], noKeywords) as PyObject;
  await loadState(model, root, abort, { partly: true });
  return { root, modules: new Map(walkModules(root)) };
}

/** A plan with everything that is said of it. */
export function reportPlan(
  model: Model,
  plan: ForwardPlanDto,
  unused: PlanReportDto['unused'] = unusedModules(model, plan),
): PlanReportDto {
  return {
    plan,
    python: planPython(plan),
    text: `${JSON.stringify(plan, null, 2)}\n`,
    assumptions: assumptionsOf(plan),
    unused,
  };
}

/** The assumptions of a plan, those that repeat once. */
export function assumptionsOf({ steps }: ForwardPlanDto): string[] {
  const found = new Map<string, string[]>();
  for (const { module, function: called, assumed } of steps) {
    if (assumed === undefined || assumed === '') continue;
    const places = found.get(assumed) ?? [];
    places.push(module ?? called ?? '');
    found.set(assumed, places);
  }
  return [...found].map(([why, places]) => {
    const more = places.length > 3 ? ` and ${places.length - 3} more` : '';
    return `${places.slice(0, 3).join(', ')}${more}: ${why}`;
  });
}

function unusedModules(model: Model, { steps }: ForwardPlanDto): { path: string; why: string }[] {
  const { root } = model;
  const prefix = root.path === '' ? '' : `${root.path}.`;
  const used = new Set(steps.map(({ module }) => module));
  const inside = (path: string) => path.split('.').some((_, i, parts) => used.has(parts.slice(0, i + 1).join('.')));
  return [...walk(root)]
    .filter(({ optimizer, tensors }) => !optimizer && tensors.length > 0)
    .map(({ path }) => path.slice(prefix.length))
    .filter((path) => !inside(path))
    .map((path) => ({ path, why: 'no step uses it' }));
}
