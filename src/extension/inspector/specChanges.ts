import type { QConfigOverrideDto, QuantizeSpecDto } from '../../protocol/quantizeDto';
import type { SpecChangeDto } from '../../protocol/viewApi';

/**
 * Ticks are kept in `exclude`. Where a choice by type or module overrides the base, that choice
 * would win over a tick, so there the tick is an override too, the last one, which decides.
 */

/** The same spec with these modules ticked or unticked. */
export function withTicks(spec: QuantizeSpecDto, paths: ReadonlySet<string>, ticked: boolean): QuantizeSpecDto {
  const others = spec.exclude.filter((path) => !paths.has(path));
  return leaving(spec, ticked ? others : [...others, ...paths]);
}

/** The same spec with these choices for single modules, after all others but the ticks, which still win. */
export function withOverrides(spec: QuantizeSpecDto, added: readonly QConfigOverrideDto[]): QuantizeSpecDto {
  if (added.length === 0) return spec;
  const targets = new Set(added.map(({ target }) => target));
  const others = (spec.overrides ?? []).filter(({ target }) => !targets.has(target));
  return leaving({ ...spec, overrides: [...others, ...added] }, spec.exclude);
}

/** The same spec with what a page changed of it. */
export function changed(spec: QuantizeSpecDto, { overrides, ...change }: SpecChangeDto): QuantizeSpecDto {
  const next = { ...spec, ...change };
  return overrides === undefined ? next : leaving({ ...next, overrides }, spec.exclude);
}

/** The same spec with exactly these modules unticked. */
export function leaving(spec: QuantizeSpecDto, exclude: readonly string[]): QuantizeSpecDto {
  const ticks = new Set(spec.exclude);
  const chosen = (spec.overrides ?? []).filter(({ target, qconfig }) => qconfig !== null || !ticks.has(target));
  if (chosen.length === 0) return { ...spec, exclude, overrides: undefined };
  return { ...spec, exclude, overrides: [...chosen, ...exclude.map((target) => ({ target, qconfig: null }))] };
}

/** Whether the errors of single layers stay what they were: ticks do not change them. */
export function sameMeasure(a: QuantizeSpecDto | null, b: QuantizeSpecDto): boolean {
  const key = (spec: QuantizeSpecDto) => JSON.stringify({ ...leaving(spec, []), exclude: [] });
  return a !== null && key(a) === key(b);
}
