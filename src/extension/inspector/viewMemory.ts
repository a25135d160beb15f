import { randomUUID } from 'node:crypto';
import type * as vscode from 'vscode';
import type { QuantizeSpecDto } from '../../protocol/quantizeDto';
import type { ViewSnapshotDto, ViewTab } from '../../protocol/viewApi';

/** What a reload of the window brings back: the choices, from which everything else is made again. */
interface Remembered {
  readonly session: string;
  readonly spec: QuantizeSpecDto;
  readonly quantized: boolean;
  readonly selection: string | null;
  readonly tab: ViewTab;
}

/**
 * Choices of open files by their URI. A file that is closed is forgotten; one that was open when
 * the window was reloaded is found again, because its entry is from another session.
 */
export class ViewMemory {
  // Not vscode.env.sessionId, which is the same for everybody where telemetry is off.
  private readonly session = randomUUID();
  private readonly forgetting = new Map<string, NodeJS.Timeout>();
  private disposed = false;

  constructor(private readonly storage: vscode.Memento) {}

  remember(uri: string, { spec, quantized, selection, tab }: ViewSnapshotDto): void {
    const entry: Remembered = { session: this.session, spec, quantized: quantized !== null, selection, tab };
    clearTimeout(this.forgetting.get(uri));
    void this.storage.update(key(uri), entry);
  }

  /** Not at once: a window that reloads closes its files too, and is gone before the time is over. */
  forget(uri: string): void {
    if (this.disposed) return;
    clearTimeout(this.forgetting.get(uri));
    this.forgetting.set(
      uri,
      setTimeout(() => {
        this.forgetting.delete(uri);
        void this.storage.update(key(uri), undefined);
      }, forgetAfterMs),
    );
  }

  /** The window goes: what it was about to forget is what the next one brings back. */
  dispose(): void {
    for (const timer of this.forgetting.values()) clearTimeout(timer);
    this.disposed = true;
  }

  /** What was open before the window was reloaded. */
  recall(uri: string): Remembered | undefined {
    const entry = this.storage.get<Remembered>(key(uri));
    return entry === undefined || entry.session === this.session ? undefined : entry;
  }
}

const forgetAfterMs = 2_000;

function key(uri: string): string {
  return `quantscope.view:${uri}`;
}
