import { type AbortCheck, neverAborted } from '../../../core/abort';
import { invalid } from '../../../core/errors';
import { formatBytes } from '../../../core/text';
import { maxItems, maxLiveBytes, maxSteps, maxTensorBytes, maxWork } from './limits';

export interface BudgetLimits {
  readonly steps: number;
  readonly work: number;
  readonly tensorBytes: number;
  readonly liveBytes: number;
}

export const defaultLimits: BudgetLimits = {
  steps: maxSteps,
  work: maxWork,
  tensorBytes: maxTensorBytes,
  liveBytes: maxLiveBytes,
};

/** Work between two looks at the abort flag. */
const abortInterval = 5e6;

/**
 * What one run may spend. Everything is charged before it is spent: an allocation that V8 cannot
 * make ends the whole process, and no thread or try/catch stands between.
 */
export class Budget {
  private steps = 0;
  private work = 0;
  private untilAbort = abortInterval;
  private charged = 0;

  constructor(
    private readonly abort: AbortCheck = neverAborted,
    private readonly limits: BudgetLimits = defaultLimits,
    /** Bytes that can still be reached: asked when the sum of all allocations passes the limit. */
    private readonly reachableBytes: () => number = () => 0,
  ) {}

  get stepsTaken(): number {
    return this.steps;
  }

  step(): void {
    if (++this.steps > this.limits.steps) {
      throw limit(
        `The program takes more than ${this.limits.steps} steps.`,
        'E_RUN_STEPS',
        'It may never end; give it a smaller input.',
      );
    }
    if ((this.steps & 1023) === 0) this.abort.throwIfAborted();
  }

  /** Charges multiply-adds or elements. */
  compute(amount: number): void {
    this.work += amount;
    if (!(this.work <= this.limits.work)) {
      throw limit('The program computes too much.', 'E_RUN_WORK', 'Give it a smaller input.');
    }
    this.untilAbort -= amount;
    if (this.untilAbort < 0) {
      this.untilAbort = abortInterval;
      this.abort.throwIfAborted();
    }
  }

  /** Charges a tensor of this many bytes, which is about to be made. */
  allocate(bytes: number): void {
    if (!(bytes <= this.limits.tensorBytes)) {
      throw limit(
        `A tensor of ${formatBytes(bytes)} is too large; the limit is ${formatBytes(this.limits.tensorBytes)}.`,
        'E_RUN_MEMORY',
      );
    }
    // Small objects cost more than their bytes.
    this.charged += bytes + 256;
    if (this.charged <= this.limits.liveBytes) return;
    const live = this.reachableBytes() + bytes;
    if (live > this.limits.liveBytes * 0.9) {
      throw limit(
        `The program holds tensors of ${formatBytes(live)}; the limit is ${formatBytes(this.limits.liveBytes)}.`,
        'E_RUN_MEMORY',
      );
    }
    this.charged = live;
  }

  /** Charges a list, tuple, dict, set or string of this length, which is about to be made. */
  items(count: number): void {
    if (!(count <= maxItems)) {
      throw limit(`The program builds a list or string of ${count} items; the limit is ${maxItems}.`, 'E_RUN_ITEMS');
    }
    this.work += count;
  }
}

function limit(message: string, code: string, hint?: string) {
  return invalid(code, message, hint === undefined ? {} : { hint });
}
