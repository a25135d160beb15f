import * as vscode from 'vscode';
import type { WholeCodeDto } from '../../protocol/forwardDto';
import type { ViewSnapshotDto } from '../../protocol/viewApi';
import type { EngineCallOptions, EngineClient } from '../../worker/enginePool';
import type { Services } from '../services';
import { rememberCode, rememberedCode } from './codeMemory';

/** What the code needs of its document: the engine, the snapshot, and work with progress and cancel. */
interface Owner {
  readonly uri: vscode.Uri;
  readonly services: Services;
  readonly engine: EngineClient;
  readonly snapshot: ViewSnapshotDto;
  /** A failure becomes the notice of the snapshot. */
  work(what: string, task: (options: EngineCallOptions) => Promise<void>): Promise<void>;
  update(change: Partial<ViewSnapshotDto>): void;
}

/** By what a document's whole model runs: the file's own code, a class of the workspace, or a plan. */
export class ModelCode {
  private code: WholeCodeDto;
  private preparing: Promise<boolean> | undefined;
  /** The source that was tried last, whether or not it could be built. */
  triedSource: WholeCodeDto['source'];
  /** Somebody was asked for the class and wanted single modules. */
  declined = false;

  constructor(private readonly owner: Owner) {
    this.code = rememberedCode(owner.services, owner.uri);
    this.triedSource = this.code.source;
  }

  /** As requests take it; nothing in it for the code of the file itself. */
  get chosen(): WholeCodeDto {
    return this.code;
  }

  /** Whether anybody chose what runs the model, or the file says it itself. */
  get isKnown(): boolean {
    return (
      this.owner.snapshot.model?.code !== undefined || this.code.source !== undefined || this.code.plan !== undefined
    );
  }

  /** Builds the whole model once, where it is known what it runs by. */
  async prepare(): Promise<void> {
    const { whole, busy } = this.owner.snapshot;
    if (this.preparing === undefined && whole === null && busy === null && this.isKnown) {
      this.preparing = this.use(this.code).finally(() => {
        this.preparing = undefined;
      });
    }
    await this.preparing;
  }

  /** Chooses what the whole model runs by; true when it could be built. A failure is the notice. */
  async use(code: WholeCodeDto): Promise<boolean> {
    const { owner } = this;
    let built = false;
    this.triedSource = code.source ?? this.triedSource;
    await owner.work(vscode.l10n.t('Building the model'), async (options) => {
      const whole = await owner.engine.call('whole', code, options);
      this.code = code;
      built = true;
      rememberCode(owner.services, owner.uri, code);
      owner.update({ whole, plan: code.plan === undefined ? null : owner.snapshot.plan });
    });
    return built;
  }

  /** Runs single modules again. */
  forget(): void {
    this.code = {};
    rememberCode(this.owner.services, this.owner.uri, {});
    this.owner.update({ whole: null, plan: null });
  }

  /** The plan beside the model where there is one, else a proposal; true when there is either. */
  async proposePlan(): Promise<boolean> {
    const { owner } = this;
    let made = false;
    await owner.work(vscode.l10n.t('Proposing a forward plan'), async (options) => {
      const proposed = await owner.engine.call('proposePlan', {}, options);
      const saved = proposed.saved !== null;
      const report = saved ? await owner.engine.call('loadPlan', { path: null }, options) : proposed;
      owner.update({ plan: { ...report, saved } });
      made = true;
    });
    const { plan } = owner.snapshot;
    return made && plan !== null && (await this.use({ plan: plan.plan }));
  }

  /** A plan that was edited as text; what is wrong in it becomes the notice. */
  async editPlan(text: string): Promise<void> {
    const { owner } = this;
    await owner.work(vscode.l10n.t('Checking the plan'), async (options) => {
      const report = await owner.engine.call('checkPlan', { text }, options);
      const whole = await owner.engine.call('whole', { plan: report.plan }, options);
      this.code = { plan: report.plan };
      owner.update({ plan: { ...report, saved: false }, whole, forwardStale: owner.snapshot.forward !== null });
    });
  }

  /** Writes the plan beside the model; gives its path. */
  async savePlan(): Promise<string | undefined> {
    const { owner } = this;
    const { plan } = owner.snapshot;
    if (plan === null) return undefined;
    let written: string | undefined;
    await owner.work(vscode.l10n.t('Saving the plan'), async (options) => {
      written = (await owner.engine.call('savePlan', { plan: plan.plan, path: null }, options)).path;
      owner.update({ plan: { ...plan, saved: true } });
      rememberCode(owner.services, owner.uri, this.code);
    });
    return written;
  }
}
