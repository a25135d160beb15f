import { computed, effect, signal } from '@preact/signals';
import type { Scheme } from '../../src/protocol/dto';
import type { RowsSortDto } from '../../src/protocol/rowsDto';
import type { HostApi, InputsSource, ViewSnapshotDto, ViewTab } from '../../src/protocol/viewApi';
import { host, onSnapshot, savedState, saveState } from '../host';

/** The host's state as it was sent last; null until the first answer. */
export const snapshot = signal<ViewSnapshotDto | null>(null);

/** State that belongs to this page alone and survives being hidden. */
interface PageState {
  readonly filter: string;
  readonly toggled: readonly string[];
  readonly base: 'default' | 'all' | 'none';
  readonly sort: RowsSortDto | null;
  readonly scheme: Scheme;
  readonly histogramLog: boolean;
  readonly scaleLog: boolean;
  readonly reprOpen: boolean;
  readonly coverageOpen: boolean;
  /** Output error that the Error tab aims at. */
  readonly targetPercent: number;
  readonly inputsSource: InputsSource;
  /** Typed inputs, one a line. */
  readonly literal: string;
  readonly text: string;
  readonly explainOpen: boolean;
  /** Place of the output number that is explained. */
  readonly explainAt: { readonly row: number; readonly channel: number };
  /** Width of the left pane by tab, in percent, where somebody moved the sash. */
  readonly widths: Readonly<Partial<Record<ViewTab, number>>>;
  readonly weightsMode: 'histogram' | 'heatmap' | 'table';
  /** What heatmap and table show. */
  readonly layer: 'float' | 'int8' | 'error';
  /** First row and column of the values table. */
  readonly element: { readonly row: number; readonly column: number };
  /** Codes that the lower chart of Weights enlarges, both included. */
  readonly brush: { readonly from: number; readonly to: number };
  /** `module weight` of the product whose scales are shown. */
  readonly product: string;
  /** Index into the product's arrays. */
  readonly cursor: number;
  /** The other end of the steps that are pooled; null for the cursor's alone. */
  readonly cursorEnd: number | null;
  /** Which output of the forward pass is shown, and how. */
  readonly output: number;
  readonly outputMode: 'lines' | 'heatmap';
  readonly outputLayer: 'float' | 'int8' | 'error';
}

const initial: PageState = {
  filter: '',
  toggled: [],
  base: 'default',
  sort: null,
  scheme: 'per_tensor',
  histogramLog: false,
  scaleLog: true,
  reprOpen: true,
  coverageOpen: false,
  targetPercent: 0.1,
  inputsSource: 'seed',
  literal: '',
  text: '',
  explainOpen: false,
  explainAt: { row: 0, channel: 0 },
  widths: {},
  weightsMode: 'histogram',
  layer: 'float',
  element: { row: 0, column: 0 },
  brush: { from: -5, to: 6 },
  product: '',
  cursor: 7,
  cursorEnd: null,
  output: 0,
  outputMode: 'lines',
  outputLayer: 'float',
};

export const page = signal<PageState>({ ...initial, ...savedState<PageState>() });

export function setPage(change: Partial<PageState>): void {
  page.value = { ...page.value, ...change };
}

/** Asks the host for something that ends in a new snapshot; its failure arrives there as the notice. */
export function act<K extends keyof HostApi & string>(method: K, args: Parameters<HostApi[K]>[0]): void {
  host.call(method, args as never).catch(() => {});
}

/** Wide enough for Weights and Error side by side. */
const sideBySide = window.matchMedia('(min-width: 1600px)');
export const wide = signal(sideBySide.matches);
sideBySide.addEventListener('change', ({ matches }) => {
  wide.value = matches;
});

/** Whether the Error view is seen: by its tab, or beside the weights. */
export function errorIsShown(): boolean {
  const shown = snapshot.value?.tab;
  return shown === 'error' || (wide.value && shown === 'weights');
}

export const tab = computed<ViewTab>(() => snapshot.value?.tab ?? 'overview');

export function start(): void {
  effect(() => saveState(page.value));
  onSnapshot((next) => {
    if (snapshot.value === null || next.revision >= snapshot.value.revision || next.file !== snapshot.value.file)
      snapshot.value = next;
  });
}
