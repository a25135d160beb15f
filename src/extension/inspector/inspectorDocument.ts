import { basename } from 'node:path';
import * as vscode from 'vscode';
import { toErrorDetails } from '../../core/errors';
import { TimeLeft } from '../../core/progress';
import type { ReportDto } from '../../protocol/compareDto';
import type { ForwardRequestDto, GivenInputsDto, SaveForwardDto } from '../../protocol/forwardDto';
import type { HealthDto } from '../../protocol/modelDto';
import type { QuantizedSummaryDto, QuantizeSpecDto } from '../../protocol/quantizeDto';
import type { InputsSource, SpecChangeDto, ViewSnapshotDto, ViewTab } from '../../protocol/viewApi';
import type { EngineCallOptions, EngineClient } from '../../worker/enginePool';
import { ModelCode } from '../forward/modelCode';
import type { Services } from '../services';
import { defaultSpec } from '../settings';
import { checkOnDisk } from './checkOnDisk';
import { emptySnapshot, noResults } from './emptySnapshot';
import { GivenInputs } from './givenInputs';
import { HealthCheck } from './healthCheck';
import { type ForwardChoice, forwardRequest, sensitivityRequest } from './requests';
import { changed, leaving, sameMeasure, withOverrides, withTicks } from './specChanges';
import type { ViewMemory } from './viewMemory';

/** Timed runs of each size: the median of so many is steady enough for a curve. */
const breakEvenRuns = 20;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Changes of the choice that Undo takes back: each keeps a whole choice, which may name 100,000 modules. */
const maxUndo = 100;

/**
 * One open model: the settings, the results and what is selected. It asks the engine's thread
 * for everything and never computes; every view shows its snapshot.
 */
export class InspectorDocument implements vscode.CustomDocument {
  private readonly state: Mutable<ViewSnapshotDto>;
  private readonly changed = new vscode.EventEmitter<ViewSnapshotDto>();
  private readonly closed = new vscode.EventEmitter<void>();
  private running: AbortController | undefined;
  /** What was chosen and quantized before each change, the last change last. */
  private undoStack: Pick<ViewSnapshotDto, 'spec' | 'quantizedSpec'>[] = [];
  /** Changes that ask the engine first come one after the other: each begins from what the one before made. */
  private choosing: Promise<unknown> = Promise.resolve();
  private quantizing: AbortController | undefined;
  private readonly inputs: GivenInputs;
  private readonly healthCheck: HealthCheck;
  private lastForward: ForwardRequestDto | undefined;

  /** Settles when the header is read or the failure is known. */
  loaded: Promise<void> = Promise.resolve();
  readonly onDidChange = this.changed.event;
  readonly onDidDispose = this.closed.event;
  readonly engine: EngineClient;
  /** By what the whole model runs. */
  readonly code: ModelCode;

  constructor(
    readonly uri: vscode.Uri,
    private readonly services: Services,
  ) {
    this.engine = services.pool.acquire(uri.fsPath);
    this.inputs = new GivenInputs(uri);
    this.healthCheck = new HealthCheck(this.engine);
    this.state = { ...emptySnapshot, phase: 'loading', file: basename(uri.fsPath), spec: defaultSpec() };
    this.code = new ModelCode({
      uri,
      services,
      engine: this.engine,
      snapshot: this.state,
      work: (what, task) => this.work(what, task),
      update: (change) => this.update(change),
    });
  }

  get snapshot(): ViewSnapshotDto {
    return this.state;
  }

  /** The request behind the forward pass that the snapshot shows. */
  get forwardRequest(): ForwardRequestDto | undefined {
    return this.lastForward;
  }

  /** Reads the header and shows the model, or the card that says why not. Never throws. */
  load(): Promise<void> {
    const before = this.services.memory.recall(this.uri.toString());
    this.loaded = this.readHeader();
    // Not awaited by those who only need the header.
    if (before !== undefined) void this.loaded.then(() => this.restore(before));
    return this.loaded;
  }

  private async readHeader(): Promise<void> {
    this.update({ phase: 'loading', error: null, changedOnDisk: false });
    try {
      checkOnDisk(this.uri);
      const model = await this.engine.call('open', { path: this.uri.fsPath });
      this.services.log.info(`opened ${this.uri.fsPath}: ${model.label}, ${model.tensorCount} tensors`);
      this.update({ phase: 'ready', model, modelRevision: this.state.modelRevision + 1 });
    } catch (error) {
      const details = toErrorDetails(error, this.state.file);
      this.services.log.warn(`${details.code} ${this.uri.fsPath}: ${details.message}`);
      this.update({ phase: 'failed', error: details, model: null });
    }
  }

  /** The choices from before the window was reloaded, and what follows from them. */
  private async restore({
    spec,
    quantized,
    selection,
    tab,
  }: NonNullable<ReturnType<ViewMemory['recall']>>): Promise<void> {
    if (this.state.phase !== 'ready') return;
    const shown = tab === 'compare' ? 'overview' : tab;
    this.update({ spec, selection, tab: shown });
    // Not a change that somebody made: nothing to undo.
    if (quantized) await this.quantizeChosen();
  }

  /** Reads the file again; as `damaged` what can be read of one that was refused. */
  async reload(damaged = false): Promise<void> {
    this.cancel();
    this.engine.reload(damaged);
    this.undoStack = [];
    this.healthCheck.forget();
    this.lastForward = undefined;
    this.update(noResults);
    await this.load();
  }

  select(id: string): void {
    if (id === this.state.selection) return;
    const isTensor = id.startsWith('t:');
    const tab = isTensor && this.state.tab === 'overview' ? 'weights' : this.state.tab;
    this.update({ selection: id, tab });
  }

  showTab(tab: ViewTab): void {
    if (tab !== this.state.tab) this.update({ tab });
    if (tab === 'forward') void this.code.prepare();
  }

  /** Writes outputs or activations of the last forward pass; gives the bytes written. */
  async saveForward(what: SaveForwardDto['what'], target: string): Promise<number | undefined> {
    const request = this.lastForward;
    if (request === undefined) return undefined;
    let written: number | undefined;
    await this.work(vscode.l10n.t('Saving outputs'), async (options) => {
      written = (await this.engine.call('saveForward', { request, what, target }, options)).bytes;
    });
    return written;
  }

  setSpec(change: SpecChangeDto): void {
    this.choose(changed(this.state.spec, change));
  }

  /** Another choice, which Undo takes back. */
  private choose(spec: QuantizeSpecDto): void {
    this.remember(this.chosen());
    this.update({ spec, canUndo: true });
  }

  private remember(before: Pick<ViewSnapshotDto, 'spec' | 'quantizedSpec'>): void {
    this.undoStack = [...this.undoStack, before].slice(-maxUndo);
  }

  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.choosing.then(change);
    this.choosing = result.catch(() => {});
    return result;
  }

  private chosen(): Pick<ViewSnapshotDto, 'spec' | 'quantizedSpec'> {
    const { spec, quantizedSpec } = this.state;
    return { spec, quantizedSpec };
  }

  /** Ticks or unticks a module with everything below it; after Quantize the result follows at once. */
  async tick(path: string, ticked: boolean): Promise<void> {
    await this.inTurn(async () => {
      const below = new Set(await this.engine.call('quantizable', { path }));
      const spec = withTicks(this.state.spec, below, ticked);
      // A tick would do nothing where a type or a module above is left in float32.
      const added = ticked ? await this.engine.call('overridesToQuantize', { path, spec }) : [];
      this.choose(withOverrides(spec, added));
    });
    if (this.state.quantized !== null) await this.quantizeChosen();
  }

  /** With a change of the choice, where there is one. */
  async quantize(change: SpecChangeDto = {}): Promise<void> {
    if (Object.keys(change).length > 0) return this.applySpec(changed(this.state.spec, change));
    const before = this.chosen();
    await this.quantizeChosen();
    if (this.state.quantizedSpec === before.spec && before.quantizedSpec !== before.spec) {
      this.remember(before);
      this.update({ canUndo: true });
    }
  }

  private async quantizeChosen(): Promise<void> {
    const { spec } = this.state;
    const quantized = await this.quantizeWith(spec);
    if (quantized !== undefined)
      this.services.history.addQuantize(this.uri.toString(), this.state.file, spec, quantized);
  }

  /** What came of it; undefined where it failed, was cancelled or gave way. */
  private async quantizeWith(spec: QuantizeSpecDto): Promise<QuantizedSummaryDto | undefined> {
    let made: QuantizedSummaryDto | undefined;
    const run = this.work(vscode.l10n.t('Quantizing'), async (options) => {
      const quantized = await this.engine.call('quantizeSummary', spec, options);
      const sensitivity = sameMeasure(this.state.quantizedSpec, spec) ? this.state.sensitivity : null;
      this.update({ quantized, quantizedSpec: spec, sensitivity, forwardStale: this.state.forward !== null });
      made = quantized;
    });
    const mine = this.running;
    this.quantizing = mine;
    await run;
    if (this.quantizing === mine) this.quantizing = undefined;
    return made;
  }

  /** Takes the last Quantize or change of the choice back. */
  async undo(): Promise<void> {
    const before = this.undoStack.pop();
    if (before === undefined) return;
    const { spec, quantizedSpec } = before;
    // What is being quantized is what is taken back.
    this.quantizing?.abort();
    const same = quantizedSpec === this.state.quantizedSpec;
    this.update({ spec, canUndo: this.undoStack.length > 0 });
    if (same) return;
    if (quantizedSpec === null) {
      this.update({ quantized: null, quantizedSpec: null, sensitivity: null });
      return;
    }
    await this.quantizeWith(quantizedSpec);
  }

  /** Runs one module with inputs drawn from the seed; the rest of the request follows the spec and the settings. */
  async runForward(choice: ForwardChoice): Promise<void> {
    const spec = this.state.quantizedSpec ?? this.state.spec;
    const { module } = choice;
    const request = forwardRequest(spec, choice);
    await this.work(vscode.l10n.t('Running both models'), async (options) => {
      const forward = await this.engine.call('forward', request, options);
      this.lastForward = request;
      // Layers are measured on the inputs of the last pass of the whole model.
      const sensitivity = module === '' ? null : this.state.sensitivity;
      this.update({ forward, forwardStale: false, tab: 'forward', sensitivity });
      this.services.history.addForward(this.uri.toString(), this.state.file, spec, request, forward);
    });
  }

  givenInputs(source: InputsSource, text: string): GivenInputsDto | null {
    return this.inputs.of(source, text);
  }

  /** Asks for a file with arrays. */
  async pickInputs(): Promise<void> {
    const path = await this.inputs.ask();
    if (path !== undefined) this.update({ inputsFile: basename(path) });
  }

  /** Leaves exactly these modules in float and quantizes again. */
  async keepFloat(paths: readonly string[]): Promise<void> {
    await this.inTurn(async () => {
      const spec = leaving(this.state.spec, paths);
      const kept = new Set(paths);
      const measured = new Set(this.state.sensitivity?.layers.map(({ path }) => path));
      // Where a type or a pattern leaves one of the others in float32, it gets a choice of its own.
      const added = await this.engine.call('overridesToQuantize', { path: '', spec });
      const wanted = added.filter(({ target }) => measured.has(target) && !kept.has(target));
      this.choose(withOverrides(spec, wanted));
    });
    await this.quantizeChosen();
  }

  /** Quantizes with a whole spec, such as one of an earlier run. */
  async applySpec(spec: QuantizeSpecDto): Promise<void> {
    this.choose(spec);
    await this.quantizeChosen();
  }

  /** The error that each layer makes alone, ticked or not: on the inputs of the last pass of the whole model, where there was one. */
  async measureSensitivity(): Promise<void> {
    const last = this.lastForward?.module === '' ? this.lastForward : undefined;
    const { source, plan } = last ?? this.code.chosen;
    const spec = this.state.quantizedSpec ?? this.state.spec;
    await this.work(vscode.l10n.t('Measuring each layer'), async (options) => {
      const sensitivity = await this.engine.call(
        'sensitivity',
        sensitivityRequest(spec, last, { source, plan }),
        options,
      );
      this.update({ sensitivity });
    });
  }

  /** Times layers of this one's type over their size, in float and in int8. */
  async measureBreakEven(module: string): Promise<void> {
    const { engine, perChannel } = this.state.quantizedSpec ?? this.state.spec;
    await this.work(vscode.l10n.t('Measuring sizes'), async (options) => {
      const request = { module, engine, perChannel, runs: breakEvenRuns };
      this.update({ breakEven: await this.engine.call('breakEven', request, options) });
    });
  }

  /** Compares this file, as the one before, with another. */
  async compareWith(path: string): Promise<void> {
    await this.work(vscode.l10n.t('Comparing'), async (options) => {
      const comparison = await this.engine.call('compareWith', { path }, options);
      this.update({ comparison, tab: 'compare' });
    });
  }

  /** The report in both forms, with the spec and the inputs that are shown. */
  report(options: EngineCallOptions): Promise<ReportDto> {
    const spec = this.state.quantizedSpec ?? this.state.spec;
    const { bundle } = vscode.l10n;
    const texts = bundle && { language: vscode.env.language, texts: bundle };
    return this.engine.call('report', { spec, forward: this.lastForward ?? null, texts }, options);
  }

  /** Writes a text on this machine's disk as exports are written: as a whole or not at all. */
  async writeText(path: string, text: string, options: EngineCallOptions): Promise<void> {
    await this.engine.call('writeText', { path, text }, options);
  }

  /** The file is another one now; what is shown stays until somebody reloads. */
  markChangedOnDisk(): void {
    if (!this.state.changedOnDisk && this.state.phase !== 'loading') this.update({ changedOnDisk: true });
  }

  health(): Promise<HealthDto> {
    return this.healthCheck.read();
  }

  cancel(): void {
    this.running?.abort();
  }

  dispose(): void {
    this.cancel();
    this.services.memory.forget(this.uri.toString());
    this.services.pool.release(this.uri.fsPath);
    this.closed.fire();
    this.changed.dispose();
    this.closed.dispose();
  }

  /** Runs one piece of work with progress and cancel; a failure becomes the notice of the snapshot. */
  private async work(what: string, task: (options: EngineCallOptions) => Promise<void>): Promise<void> {
    this.cancel();
    this.healthCheck.giveWay();
    const controller = new AbortController();
    const left = new TimeLeft();
    this.running = controller;
    this.update({ busy: { what, done: 0, total: 0, unit: 'steps', secondsLeft: null }, notice: null });
    try {
      await task({
        signal: controller.signal,
        onProgress: (done, total, detail, unit = 'steps') => {
          if (this.running !== controller) return;
          const secondsLeft = left.seconds(done, total);
          this.update({ busy: { what: `${what}: ${detail}`, done, total, unit, secondsLeft } });
        },
      });
    } catch (error) {
      const details = toErrorDetails(error, this.state.file);
      if (details.kind !== 'aborted') {
        this.services.log.warn(`${what} failed: ${details.code} ${details.message}`);
        this.update({ notice: details });
      }
    } finally {
      if (this.running === controller) {
        this.running = undefined;
        this.update({ busy: null });
      }
    }
  }

  private update(change: Partial<ViewSnapshotDto>): void {
    Object.assign(this.state, change, { revision: this.state.revision + 1 });
    if ('spec' in change || 'quantized' in change || 'selection' in change || 'tab' in change)
      this.services.memory.remember(this.uri.toString(), this.state);
    this.changed.fire(this.state);
  }
}
