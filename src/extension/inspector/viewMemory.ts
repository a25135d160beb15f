import * as vscode from 'vscode';
import type { QuantizeSpecDto } from '../../protocol/dto';
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
  constructor(private readonly storage: vscode.Memento) {}

  remember(uri: string, { spec, quantized, selection, tab }: ViewSnapshotDto): void {
    const entry: Remembered = { session: vscode.env.sessionId, spec, quantized: quantized !== null, selection, tab };
    void this.storage.update(key(uri), entry);
  }

  forget(uri: string): void {
    void this.storage.update(key(uri), undefined);
  }

  /** What was open before the window was reloaded. */
  recall(uri: string): Remembered | undefined {
    const entry = this.storage.get<Remembered>(key(uri));
    return entry === undefined || entry.session === vscode.env.sessionId ? undefined : entry;
  }
}

function key(uri: string): string {
  return `quantscope.view:${uri}`;
}
