/** Runs of each way before one is chosen. */
const samples = 4;
/** A team must be faster by so much: its threads are taken from somebody else. */
const gain = 1.1;

/**
 * Whether a team pays on this machine, by trying: alone and together in turn, the fastest run of each
 * decides. Times are compared per multiply-add, so that calls of different sizes may be mixed.
 */
export class TeamTrial {
  private readonly alone: number[] = [];
  private readonly together: number[] = [];

  next(): boolean {
    if (this.together.length < samples) return this.alone.length > this.together.length;
    return Math.min(...this.alone) > gain * Math.min(...this.together);
  }

  /** Whether both ways were tried and one thread was chosen. */
  get isAlone(): boolean {
    return this.together.length === samples && !this.next();
  }

  add(together: boolean, msPerWork: number): void {
    const times = together ? this.together : this.alone;
    if (times.length < samples) times.push(msPerWork);
  }
}
