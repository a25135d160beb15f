import * as vscode from 'vscode';
import { formName } from '../../protocol/formNames';
import type { ForwardRequestDto, ForwardResultDto } from '../../protocol/forwardDto';
import type { QuantizedSummaryDto, QuantizeSpecDto } from '../../protocol/quantizeDto';

/** What is remembered of one Quantize or one forward pass: the choice and the figures, not the arrays. */
export interface Run {
  readonly id: number;
  /** Time in ms. */
  readonly at: number;
  readonly uri: string;
  readonly file: string;
  readonly spec: QuantizeSpecDto;
  readonly quantized: {
    readonly before: number;
    readonly after: number;
    readonly sqnrDb: number;
    readonly count: number;
  } | null;
  readonly forward: {
    /** Without the spec, which the run has. */
    readonly request: Omit<ForwardRequestDto, 'spec'>;
    readonly module: string;
    readonly moduleType: string;
    /** Runs of older versions have none. */
    readonly form?: string;
    readonly percent: number;
    readonly sqnrDb: number;
    readonly floatUs: number;
    readonly quantizedUs: number;
  } | null;
}

const key = 'quantscope.runs';
const maxRuns = 100;

/** The history of the workspace, newest first; it survives a reload. */
export class RunHistory implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private list: readonly Run[];

  constructor(private readonly storage: vscode.Memento) {
    this.list = storage.get<readonly Run[]>(key, []);
  }

  get runs(): readonly Run[] {
    return this.list;
  }

  addQuantize(
    uri: string,
    file: string,
    spec: QuantizeSpecDto,
    { bytes, sqnrDb, quantizedCount }: QuantizedSummaryDto,
  ) {
    const quantized = { before: bytes.before, after: bytes.after, sqnrDb: finite(sqnrDb), count: quantizedCount };
    this.add({ uri, file, spec, quantized, forward: null });
  }

  addForward(
    uri: string,
    file: string,
    spec: QuantizeSpecDto,
    { spec: _, ...request }: ForwardRequestDto,
    { accuracy, latencyUs, module, moduleType, form }: ForwardResultDto,
  ) {
    const forward = {
      request,
      module,
      moduleType,
      form,
      percent: accuracy.percent,
      sqnrDb: finite(accuracy.sqnrDb),
      floatUs: latencyUs.float.median,
      quantizedUs: latencyUs.quantized.median,
    };
    this.add({ uri, file, spec, quantized: null, forward });
  }

  clear(): void {
    this.keep([]);
  }

  dispose(): void {
    this.changed.dispose();
  }

  private add(run: Omit<Run, 'id' | 'at'>): void {
    const id = Math.max(0, ...this.list.map((other) => other.id)) + 1;
    this.keep([{ ...run, id, at: Date.now() }, ...this.list].slice(0, maxRuns));
  }

  private keep(list: readonly Run[]): void {
    this.list = list;
    void this.storage.update(key, list);
    this.changed.fire();
  }
}

/** Stored as JSON, which has no infinity. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 999;
}

/** The two lines that name a run in lists. */
export function runTexts({ spec, quantized, forward }: Run): { readonly label: string; readonly description: string } {
  if (forward !== null) {
    return {
      label: vscode.l10n.t('Forward'),
      description: vscode.l10n.t('seed {0} · {1} % error', forward.request.seed, forward.percent.toFixed(2)),
    };
  }
  const { before, after } = quantized ?? { before: 0, after: 1 };
  const size =
    after < 1000 ? `${after} B` : after < 1e6 ? `${(after / 1000).toFixed(1)} KB` : `${(after / 1e6).toFixed(1)} MB`;
  const scheme = spec.perChannel ? `, ${vscode.l10n.t('per channel')}` : '';
  return {
    label: `${formName(spec.dtype)}, ${spec.engine}${scheme}`,
    description:
      after < before ? `${size} · ${(before / after).toFixed(2)} ×` : `${size} · ${vscode.l10n.t('not smaller')}`,
  };
}

/** A run as text, for VS Code's diff editor: the same lines in the same order for every run. */
export function runDocument(run: Run): string {
  const { spec, quantized, forward } = run;
  const lines: (readonly [string, string | number])[] = [
    ['file', run.file],
    ['engine', spec.engine],
    ['dtype', spec.dtype],
    ['per channel', String(spec.perChannel)],
    ['modules', spec.modules?.join(', ') ?? "PyTorch's default"],
    ...(spec.exclude.length === 0
      ? [['stay float', 'none'] as const]
      : spec.exclude.map((path) => ['stays float', path || '(root)'] as const)),
    ['modules quantized', quantized?.count ?? '–'],
    ['bytes before', quantized?.before ?? '–'],
    ['bytes after', quantized?.after ?? '–'],
    ['weight SQNR, dB', quantized?.sqnrDb.toFixed(2) ?? '–'],
    ['module run', forward === null ? '–' : `${forward.module || '(root)'} ${forward.moduleType}`],
    ['seed', forward?.request.seed ?? '–'],
    ['shapes', forward?.request.shapes.map((shape) => shape.join(' × ')).join('; ') ?? '–'],
    ['output error, percent', forward?.percent.toFixed(4) ?? '–'],
    ['output SQNR, dB', forward?.sqnrDb.toFixed(2) ?? '–'],
    ['float32, median µs', forward?.floatUs.toFixed(1) ?? '–'],
    [`${forward?.form ?? formName(spec.dtype)}, median µs`, forward?.quantizedUs.toFixed(1) ?? '–'],
  ];
  return `${lines.map(([name, value]) => `${name.padEnd(24)}${value}`).join('\n')}\n`;
}
