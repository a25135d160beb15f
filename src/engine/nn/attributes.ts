import { invalid } from '../../core/errors';

/** A plain attribute of a PyTorch module: numbers, strings and lists of them. */
export type AttributeValue = null | boolean | number | string | readonly AttributeValue[];

/** A module's hyperparameters under PyTorch's own names: `in_features`, `batch_first`, `eps`. */
export type AttributeMap = ReadonlyMap<string, AttributeValue>;

/** Reads attributes that a file may have left out, or given a wrong type. */
export class Attributes {
  constructor(readonly values: AttributeMap) {}

  number(name: string, fallback?: number): number {
    const value = this.values.get(name);
    if (typeof value === 'number') return value;
    if (fallback !== undefined && (value === undefined || value === null)) return fallback;
    throw this.wrong(name, 'a number');
  }

  /** A count or size: a whole number that is not negative. */
  size(name: string, fallback?: number): number {
    const value = this.number(name, fallback);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw this.wrong(name, 'a whole number');
  }

  optionalNumber(name: string): number | undefined {
    const value = this.values.get(name);
    return value === undefined || value === null ? undefined : this.number(name);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.values.get(name);
    if (typeof value === 'boolean') return value;
    if (value === undefined || value === null) return fallback;
    if (value === 0 || value === 1) return value === 1;
    throw this.wrong(name, 'True or False');
  }

  text(name: string, fallback: string): string {
    const value = this.values.get(name);
    if (typeof value === 'string') return value;
    if (value === undefined || value === null) return fallback;
    throw this.wrong(name, 'a string');
  }

  /** One number for every dimension: PyTorch takes a single number for all of them. */
  sizes(name: string, dimensions: number, fallback?: number): number[] {
    const value = this.values.get(name) ?? fallback;
    const list = typeof value === 'number' ? new Array<number>(dimensions).fill(value) : value;
    if (!Array.isArray(list) || list.length !== dimensions || !list.every((n) => Number.isSafeInteger(n))) {
      throw this.wrong(name, dimensions === 1 ? 'a whole number' : `${dimensions} whole numbers`);
    }
    return list as number[];
  }

  /** A list of whole numbers of any length. */
  list(name: string, fallback?: readonly number[]): number[] {
    const value = this.values.get(name) ?? fallback;
    const list = typeof value === 'number' ? [value] : value;
    if (!Array.isArray(list) || !list.every((n) => Number.isSafeInteger(n))) throw this.wrong(name, 'whole numbers');
    return list as number[];
  }

  private wrong(name: string, expected: string) {
    const value = this.values.get(name);
    return invalid('E_ATTRIBUTE', `The attribute ${name} of this module must be ${expected}.`, {
      where: { field: name },
      expected,
      found: value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100),
    });
  }
}
