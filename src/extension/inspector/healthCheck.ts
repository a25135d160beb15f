import type { HealthDto } from '../../protocol/modelDto';
import type { EngineClient } from '../../worker/enginePool';

/** Reads every value once; the answer is kept until the file is read again. */
export class HealthCheck {
  private run: Promise<HealthDto> | undefined;
  private controller: AbortController | undefined;

  constructor(private readonly engine: EngineClient) {}

  read(): Promise<HealthDto> {
    if (this.run === undefined) {
      this.controller = new AbortController();
      const run = this.engine.call('health', {}, { signal: this.controller.signal });
      this.run = run;
      run.catch(() => {
        if (this.run === run) this.run = undefined;
      });
    }
    return this.run;
  }

  /** What a person asked for goes before what the overview reads by itself. */
  giveWay(): void {
    this.controller?.abort();
  }

  forget(): void {
    this.run = undefined;
  }
}
