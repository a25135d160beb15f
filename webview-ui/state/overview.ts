import { effect, signal } from '@preact/signals';
import type { CoverageDto } from '../../src/protocol/answersDto';
import type { HealthDto, OverviewDto } from '../../src/protocol/modelDto';
import { host } from '../host';
import { page, snapshot } from './store';

export const overview = signal<OverviewDto | null>(null);

/** Every module with what the spec does to it; read while its list is open. */
export const coverage = signal<CoverageDto | null>(null);

/** null until asked for; a text while it is read or when that failed. */
export const health = signal<HealthDto | 'reading' | 'stopped' | null>(null);

/** Models up to this many bytes are checked without being asked. */
const checkedByItself = 256_000_000;

/** How often a check that gave way is begun again. */
const maxRetries = 3;

/** Follows the model and the spec while the tab is shown. */
export function followOverview(): void {
  let shown = '';
  let covered = '';
  let checked = '';
  let retries = maxRetries;
  effect(() => {
    const state = snapshot.value;
    if (state === null || state.phase !== 'ready' || state.model === null || state.tab !== 'overview') return;
    const model = `${state.file} ${state.modelRevision}`;
    const key = JSON.stringify([model, state.spec]);
    if (!page.value.coverageOpen) covered = '';
    else if (key !== covered) {
      covered = key;
      host.call('coverage', {}).then(
        (value) => {
          if (covered === key) coverage.value = value;
        },
        () => {},
      );
    }
    if (key !== shown) {
      shown = key;
      host.call('overview', {}).then(
        (value) => {
          if (shown === key) overview.value = value;
        },
        () => {},
      );
    }
    if (model !== checked) {
      checked = model;
      health.value = null;
      retries = 0;
      if (state.model.tensorBytes <= checkedByItself) checkHealth();
    } else if (health.value === 'stopped' && state.busy === null && retries++ < maxRetries) {
      // Work that a person asked for went first; now there is time again.
      checkHealth();
    }
  });
}

export function checkHealth(): void {
  health.value = 'reading';
  host.call('health', {}).then(
    (value) => {
      health.value = value;
    },
    () => {
      health.value = 'stopped';
    },
  );
}
