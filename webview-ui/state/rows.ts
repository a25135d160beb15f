import { computed, effect, signal } from '@preact/signals';
import type { RowDto, RowsQueryDto, SparklineDto } from '../../src/protocol/rowsDto';
import { host } from '../host';
import { page, setPage, snapshot } from './store';

/** Rows are fetched in pages of this many, only those that are looked at. */
const pageSize = 100;

interface Loaded {
  readonly key: string;
  readonly total: number;
  readonly pages: ReadonlyMap<number, readonly RowDto[]>;
}

const loaded = signal<Loaded>({ key: '', total: 0, pages: new Map() });
const requested = new Set<string>();

const query = computed<Omit<RowsQueryDto, 'start' | 'count'>>(() => {
  const { filter, toggled, base, sort } = page.value;
  return { filter, toggled, base, sort, spec: snapshot.value?.quantizedSpec ?? null };
});

/** Changes whenever other rows would be seen: another model, spec, filter or expansion. */
const queryKey = computed(() => {
  const { model, file } = snapshot.value ?? {};
  return JSON.stringify([file, model?.bytes, query.value]);
});

export const totalRows = computed(() => loaded.value.total);

export function rowAt(index: number): RowDto | undefined {
  return loaded.value.pages.get(Math.floor(index / pageSize))?.[index % pageSize];
}

/** Rows that fly by faster than this, in ms, are never asked for: only those where the scrolling slows down. */
const askEvery = 50;
let askedAt = 0;
let waiting: { readonly start: number; readonly end: number } | undefined;

/** Sees to it that rows `[start, end)` arrive; rows of an older query stay until the first new ones are here. */
export function needRows(start: number, end: number): void {
  const rest = askedAt + askEvery - performance.now();
  if (rest <= 0) {
    askForRows(start, end);
    return;
  }
  if (waiting === undefined) {
    setTimeout(() => {
      if (waiting !== undefined) askForRows(waiting.start, waiting.end);
      waiting = undefined;
    }, rest);
  }
  waiting = { start, end };
}

function askForRows(start: number, end: number): void {
  if (snapshot.value?.phase !== 'ready') return;
  const key = queryKey.value;
  for (let index = Math.floor(start / pageSize); index * pageSize < Math.max(end, 1); index++) {
    const have = loaded.value.key === key && loaded.value.pages.has(index);
    const id = `${key}#${index}`;
    if (have || requested.has(id)) continue;
    requested.add(id);
    askedAt = performance.now();
    host.call('rows', { ...query.value, start: index * pageSize, count: pageSize }).then(
      ({ total, rows }) => {
        requested.delete(id);
        if (queryKey.value !== key) return;
        const pages = new Map(loaded.value.key === key ? loaded.value.pages : []);
        loaded.value = { key, total, pages: pages.set(index, rows) };
      },
      () => requested.delete(id),
    );
  }
}

/** Fetches the first page whenever the query changes. */
export function followQuery(): void {
  effect(() => {
    if (queryKey.value !== '' && snapshot.value?.phase === 'ready') askForRows(0, 1);
  });
}

/**
 * Where the row with this id stands, after expanding what hides it; undefined where the filter
 * does not let it through.
 */
export async function locateRow(id: string): Promise<number | undefined> {
  const { index, collapsed } = await host.call('locate', { ...query.value, id });
  if (index >= 0) return index;
  if (collapsed.length === 0) return undefined;
  const { toggled } = page.value;
  const flipped = (each: string) => toggled.includes(each);
  setPage({
    toggled: [...toggled.filter((each) => !collapsed.includes(each)), ...collapsed.filter((each) => !flipped(each))],
  });
  return locateRow(id);
}

export const sparklines = signal<ReadonlyMap<string, SparklineDto>>(new Map());
const asked = new Set<string>();
let askedFile = '';

/** Asks for the small histograms of the tensors in view, a batch at a time. */
export function needSparklines(names: readonly string[]): void {
  const { file = '', revision = 0 } = snapshot.value ?? {};
  if (askedFile !== file) {
    asked.clear();
    askedFile = file;
  }
  const missing = names.filter((name) => !asked.has(name)).slice(0, 64);
  if (missing.length === 0 || revision === 0) return;
  for (const name of missing) asked.add(name);
  host.call('sparklines', { names: missing }).then(
    (lines) => {
      const next = new Map(sparklines.value);
      for (const line of lines) next.set(line.name, line);
      sparklines.value = next;
    },
    () => {},
  );
}

/** The first tensor in a module's subtree, to have something to show for a selected module. */
export async function firstTensor(path: string): Promise<string | undefined> {
  const { rows } = await host.call('rows', { filter: path, toggled: [], base: 'all', start: 0, count: 50, spec: null });
  const inside = rows.filter((row) => row.kind === 'tensor' && (path === '' || row.fullName.startsWith(`${path}.`)));
  return (inside.find((row) => (row.shape?.length ?? 0) > 1) ?? inside[0])?.fullName;
}
