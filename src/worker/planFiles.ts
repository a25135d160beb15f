import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { AbortCheck } from '../core/abort';
import { unsupported } from '../core/errors';
import type { Model } from '../model/openModel';
import { maxPlanText } from '../model/plan/limits';
import { reportPlan } from '../model/plan/planProgram';
import { proposePlan } from '../model/plan/proposePlan';
import { parsePlan, readPlan } from '../model/plan/readPlan';
import type { ForwardPlanDto, PlanReportDto, ProposedPlanDto } from '../protocol/planDto';
import { type OpenSource, withSource } from './openSource';
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
  return withSource(openSource, path, async (file) => {
    // A character has four bytes at most.
    if (file.size > 4 * maxPlanText) {
      throw unsupported('E_PLAN_LIMIT', 'The forward plan is too long.', {
        where: { file: file.name },
        found: `${file.size} bytes`,
        expected: `at most ${4 * maxPlanText}`,
      });
    }
    const text = new TextDecoder().decode(await file.read(0, file.size));
    return { ...reportPlan(model, parsePlan(text, basename(path))), path };
  });
}

export async function savePlan(
  given: ForwardPlanDto,
  path: string,
  abort: AbortCheck,
): Promise<{ path: string; bytes: number }> {
  const plan = readPlan(given);
  return { path, bytes: await writeTextAtomically(path, `${JSON.stringify(plan, null, 2)}\n`, abort) };
}
