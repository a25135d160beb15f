/**
 * A forward plan: what a state dict without code could compute, as steps over named values. It is
 * an assumption that a person reads, edits and keeps beside the model, as plain JSON.
 *
 * A page or command uses it like this: `proposePlan` (or `loadPlan`, when `savedPlan` of the
 * proposal says that there is one) gives a plan with the Python that it stands for; `checkPlan`
 * takes it back as edited text; `forward` and `sensitivity` run it when the request carries it as
 * `plan`; `savePlan` writes it. See docs/forward.md.
 */
export interface ForwardPlanDto {
  readonly format: 'quantscope-forward-plan';
  readonly version: 1;
  readonly inputs: readonly PlanInputDto[];
  readonly steps: readonly PlanStepDto[];
  /** Names of the values that the forward returns. */
  readonly outputs: readonly string[];
}

export interface PlanInputDto {
  /** A Python identifier: inputs, steps and outputs share one set of names. */
  readonly name: string;
  /** To start from; a run may take others. */
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int64';
  /** Indices are drawn below it. */
  readonly high?: number;
}

/** A number, flag, string, None, or a tuple of whole numbers. */
export type PlanValueDto = number | boolean | string | null | readonly number[];

/** One value of the plan: a module of the checkpoint, or a function, on earlier values. */
export interface PlanStepDto {
  readonly name: string;
  /** Inputs or earlier steps. */
  readonly from: readonly string[];
  /** Path of a module below the model's root; with `type` and `arguments` of its constructor. */
  readonly module?: string;
  /** A class of torch.nn. */
  readonly type?: string;
  /** Instead of a module: one of the functions of docs/forward.md. */
  readonly function?: string;
  /** Of the constructor or of the function, by PyTorch's names. */
  readonly arguments?: Readonly<Record<string, PlanValueDto>>;
  /** Which part of a module's result is meant, index by index: `[0]` is the output of an LSTM, `[1, 0]` its h_n. */
  readonly take?: readonly number[];
  /** Why this step stands here, where no shape proves it. */
  readonly assumed?: string;
}

/** A plan that was proposed, loaded or checked, ready to be shown. */
export interface PlanReportDto {
  readonly plan: ForwardPlanDto;
  /** The class that the plan stands for, as PyTorch would take it. */
  readonly python: string;
  /** The plan as JSON to be edited. */
  readonly text: string;
  /** What the plan takes for granted, one sentence each. */
  readonly assumptions: readonly string[];
  /** Modules with parameters that no step uses, and why. */
  readonly unused: readonly { readonly path: string; readonly why: string }[];
}

export interface ProposedPlanDto extends PlanReportDto {
  /** Path of a plan that was saved beside the model; null where there is none. */
  readonly saved: string | null;
}
