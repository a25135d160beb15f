import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { AbortCheck } from '../core/abort';
import type { Model } from '../model/openModel';
import { maxPlanText } from '../model/plan/limits';
import { reportPlan } from '../model/plan/planProgram';
import { proposePlan } from '../model/plan/proposePlan';
import { parsePlan, readPlan } from '../model/plan/readPlan';
import type { ForwardPlanDto, PlanReportDto, ProposedPlanDto } from '../protocol/planDto';
import type { OpenSource } from './openSource';
import { readText } from './readText';
import { writeTextAtomically } from './writeFile';

/** Where the plan of a model is kept: beside it, under its whole name. */
export function planPath(modelPath: string): string {
  return `${modelPath}.forward.json`;
}

export function proposePlanFor(model: Model, modelPath: string): ProposedPlanDto {
  const { plan, unused } = proposePlan(model.root);
  const saved = planPath(modelPath);
  return { ...reportPlan(model, plan, unused), saved: existsSync(saved) ? saved : null };
}

export async function loadPlan(
  model: Model,
  path: string,
  openSource: OpenSource,
): Promise<PlanReportDto & { path: string }> {
  // A character has four bytes at most.
  const text = await readText(openSource, path, 4 * maxPlanText, ['E_PLAN_LIMIT', 'The forward plan is too long.']);
  return { ...reportPlan(model, parsePlan(text, basename(path))), path };
}

export async function savePlan(
  given: ForwardPlanDto,
  path: string,
  abort: AbortCheck,
): Promise<{ path: string; bytes: number }> {
  const plan = readPlan(given);
  return { path, bytes: await writeTextAtomically(path, `${JSON.stringify(plan, null, 2)}\n`, abort) };
}
