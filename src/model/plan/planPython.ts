import type { ForwardPlanDto, PlanStepDto, PlanValueDto } from '../../protocol/planDto';
import { planFunctions } from './planFunctions';

/** The name of the class that a plan becomes. */
export const planClass = 'Plan';

/**
 * The plan as a class of PyTorch: what runs here, and what a person can take over. The plan must
 * have passed readPlan, which lets no name or text through that could be anything else.
 */
export function planPython({ inputs, steps, outputs }: ForwardPlanDto): string {
  const modules = new Map<string, PlanStepDto>();
  for (const step of steps) if (step.module !== undefined && !modules.has(step.module)) modules.set(step.module, step);
  const parents = new Set<string>();
  const built: string[] = [];
  for (const [path, { type, arguments: args = {} }] of modules) {
    const parts = path.split('.');
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('.');
      if (parents.has(parent)) continue;
      parents.add(parent);
      built.push(assignment(parts.slice(0, i), 'nn.Module()'));
    }
    const list = Object.entries(args).map(([name, value]) => `${name}=${literal(value)}`);
    built.push(assignment(parts, `nn.${type}(${list.join(', ')})`));
  }
  const body = steps.map((step) => {
    const { name, assumed } = step;
    const note = assumed === undefined || assumed === '' ? '' : `  # assumed: ${assumed.replace(/[\s\p{Cc}]+/gu, ' ')}`;
    return `${name} = ${call(step)}${note}`;
  });
  return [
    'import torch',
    'import torch.nn as nn',
    'import torch.nn.functional as F',
    '',
    '',
    `class ${planClass}(nn.Module):`,
    '    def __init__(self):',
    '        super().__init__()',
    ...built.map((line) => `        ${line}`),
    '',
    `    def forward(self, ${inputs.map(({ name }) => name).join(', ')}):`,
    ...body.map((line) => `        ${line}`),
    `        return ${outputs.join(', ')}`,
    '',
  ].join('\n');
}

const identifier = /^[A-Za-z]\w*$/;

/** `self.a.b`, with getattr for names such as "0". */
function reference(parts: readonly string[]): string {
  return parts.reduce(
    (object, part) => (identifier.test(part) ? `${object}.${part}` : `getattr(${object}, "${part}")`),
    'self',
  );
}

function assignment(parts: readonly string[], value: string): string {
  const [owner, name] = [reference(parts.slice(0, -1)), parts.at(-1) as string];
  return identifier.test(name) ? `${owner}.${name} = ${value}` : `setattr(${owner}, "${name}", ${value})`;
}

function call({ from, module, function: name, arguments: args = {}, take = [] }: PlanStepDto): string {
  if (module !== undefined) {
    const index = take.map((at) => `[${at}]`).join('');
    return `${reference(module.split('.'))}(${from.join(', ')})${index}`;
  }
  const known = planFunctions.get(name ?? '');
  if (known === undefined) return from[0];
  const values: Record<string, string> = {};
  for (const [key, { default: fallback }] of Object.entries(known.arguments)) {
    values[key] = literal(args[key] ?? fallback ?? null);
  }
  return known.python(from, values);
}

function literal(value: PlanValueDto): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return String(value);
  return value.length === 1 ? `(${value[0]},)` : `(${value.join(', ')})`;
}
