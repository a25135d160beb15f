import { effect, signal } from '@preact/signals';
import type { SensitivityDto } from '../../src/protocol/answersDto';
import { host } from '../host';
import { newest } from './newest';
import { act, errorIsShown, page, snapshot } from './store';

/** The measured layers that the next Quantize would quantize; null until known. */
export const chosenLayers = signal<ReadonlySet<string> | null>(null);

/** Follows the whole choice: ticks, types and single modules. */
export function followChosen(): void {
  const keep = newest();
  effect(() => {
    const { sensitivity, spec } = snapshot.value ?? {};
    if (sensitivity == null || spec === undefined || !errorIsShown()) return;
    keep(host.call('chosen', { paths: sensitivity.layers.map(({ path }) => path) }), (paths) => {
      chosenLayers.value = new Set(paths);
    });
  });
}

/** The point of the curve whose layers are the choice; undefined where it is none of them. */
export function currentPoint({ curve, layers }: SensitivityDto): number | undefined {
  const chosen = chosenLayers.value;
  if (chosen === null) return undefined;
  const n = curve.findIndex(
    ({ keep }) => keep.length === layers.length - chosen.size && !keep.some((path) => chosen.has(path)),
  );
  return n < 0 ? undefined : n;
}

/** A model of more layers than this is measured when a person asks, not by itself. */
const measuredByItself = 64;

/** Measures each layer once when the Error tab is shown for a model that was quantized. */
export function followSensitivity(): void {
  let asked = '';
  effect(() => {
    const state = snapshot.value;
    if (state === null || !errorIsShown() || state.quantizedSpec === null || state.busy !== null) return;
    const { engine, dtype, perChannel } = state.quantizedSpec;
    const key = `${state.file} ${state.modelRevision} ${engine} ${dtype} ${perChannel}`;
    const wanted = state.sensitivity === null && (state.quantized?.quantizedCount ?? 0) <= measuredByItself;
    if (!wanted || asked === key) return;
    asked = key;
    act('measureSensitivity', {});
  });
}

/** Amplitude of the error in percent, from a ratio in dB; an exact output has none. */
export function percentOf(decibels: number | null): number {
  return decibels === null || !Number.isFinite(decibels) ? 0 : 100 * 10 ** (-decibels / 20);
}

/** What a point of the curve costs and brings; point n keeps the first n layers in float. */
export function errorOf({ curve }: SensitivityDto, n: number): number {
  return percentOf(curve[n].measuredDb ?? curve[n].sqnrDb);
}

/** The fewest layers in float that reach the target; all of them where none does. */
export function suggested(found: SensitivityDto): number {
  const n = found.curve.findIndex((_, i) => errorOf(found, i) <= page.value.targetPercent);
  return n < 0 ? found.curve.length - 1 : n;
}
