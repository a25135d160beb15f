import { useEffect, useRef, useState } from 'preact/hooks';
import type { RowDto, RowsSortDto } from '../../src/protocol/rowsDto';
import { count } from '../format';
import { t } from '../l10n';
import { locateRow, needRows, needSparklines, rowAt, totalRows } from '../state/rows';
import { act, page, setPage, snapshot } from '../state/store';
import { IconButton } from './Button';
import { Icon } from './Icon';
import { Row } from './Row';
import { useSize } from './useSize';

const rowHeight = 22;

/** The column heads, which stay above the rows that scroll. */
const headHeight = 23;
const overscan = 8;

/** Row elements at most; more than fit on any screen. */
const slots = 512;

/** The module tree as an ARIA treegrid: one tab stop, only the rows in view are in the document. */
export function TreeTable() {
  const [body, height] = useSize((target) => target.clientHeight - headHeight, 400);
  const [scrollTop, setScrollTop] = useState(0);
  const [active, setActive] = useState(0);
  const total = totalRows.value;
  const quantized = snapshot.value?.quantized !== null;
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - overscan);
  const last = Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + overscan);
  const rows = Array.from({ length: Math.max(0, last - first) }, (_, i) => rowAt(first + i));

  useEffect(() => {
    needRows(first, last);
    if (!quantized) needSparklines(rows.filter((row) => row?.kind === 'tensor').map((row) => (row as RowDto).fullName));
  });

  const reveal = (index: number) => {
    const target = body.current;
    if (target === null) return;
    const top = index * rowHeight;
    if (top < target.scrollTop) target.scrollTop = top;
    else if (top + rowHeight > target.scrollTop + height) target.scrollTop = top + rowHeight - height;
  };
  // What the document has sent back, then what was chosen here since: keys come faster than it answers.
  const chosen = useRef<readonly string[]>([]);
  const selection = snapshot.value?.selection ?? null;
  // A choice made elsewhere, in the native tree or a chart, is shown here.
  useEffect(() => {
    if (selection === null) return;
    const known = chosen.current.indexOf(selection);
    chosen.current = known < 0 ? [selection] : chosen.current.slice(known);
    if (known >= 0) return;
    locateRow(selection).then(
      (index) => {
        if (index === undefined || chosen.current.at(-1) !== selection) return;
        setActive(index);
        reveal(index);
      },
      () => {},
    );
  }, [selection]);
  const move = (index: number) => {
    const next = Math.max(0, Math.min(total - 1, index));
    setActive(next);
    reveal(next);
    const row = rowAt(next);
    if (row === undefined || row.kind === 'opaque') return;
    if (chosen.current.at(-1) !== row.id) chosen.current = [...chosen.current, row.id];
    act('select', { id: row.id });
  };
  const keys = (event: KeyboardEvent) => {
    const handled = treeKey(event.key, active, rowAt(active), {
      total,
      pageRows: Math.floor(height / rowHeight),
      move,
    });
    if (handled) event.preventDefault();
  };
  return (
    <div class="tree-pane">
      <div class="filter-bar">
        <span class="filter">
          <Icon name="search" />
          <input
            id="filter"
            type="text"
            class="vscode-textfield"
            placeholder={t('Filter modules and tensors')}
            aria-label={t('Filter modules and tensors')}
            value={page.value.filter}
            onInput={(event) => setPage({ filter: event.currentTarget.value })}
          />
          {page.value.filter === '' && <kbd>Ctrl+F</kbd>}
        </span>
        <span role="toolbar" aria-label={t('Modules and tensors')} class="icon-tools" onKeyDown={moveInToolbar}>
          <IconButton
            icon="discard"
            label={t('Undo')}
            data-testid="undo-choice"
            tabIndex={-1}
            disabled={!snapshot.value?.canUndo}
            onClick={() => act('undo', {})}
          />
          <IconButton
            icon="diff"
            label={t('Show Module Repr Diff')}
            data-testid="repr-diff"
            tabIndex={-1}
            disabled={!quantized}
            onClick={() => act('command', { name: 'showReprDiff' })}
          />
          <IconButton
            icon="collapse-all"
            label={t('Collapse All')}
            data-testid="collapse-all"
            onClick={() => setPage({ base: 'none', toggled: ['m:'] })}
          />
          <IconButton
            icon="expand-all"
            label={t('Expand All')}
            data-testid="expand-all"
            tabIndex={-1}
            onClick={() => setPage({ base: 'all', toggled: [] })}
          />
        </span>
      </div>
      <div
        class={quantized ? 'treegrid quantized' : 'treegrid'}
        role="treegrid"
        aria-label={t('Modules and tensors')}
        aria-rowcount={total + 1}
        aria-activedescendant={total > 0 ? `row-${active}` : undefined}
        tabIndex={0}
        data-testid="tree"
        ref={body}
        onKeyDown={keys}
        onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
      >
        <div class="tree-head" role="row" aria-rowindex={1}>
          {columns(quantized).map((column) => (
            <ColumnHead key={column.name} column={column} />
          ))}
        </div>
        <div role="rowgroup">
          <div class="tree-space" role="presentation" style={{ height: `${total * rowHeight}px` }}>
            {/* Only this one box moves: rows of their own layer made painting most of a frame. */}
            <div class="tree-window" role="presentation" style={{ transform: `translateY(${first * rowHeight}px)` }}>
              {rows.map((row, i) => (
                <Row
                  // Elements are used again for other rows: scrolling changes texts and builds nothing.
                  key={(first + i) % slots}
                  row={row}
                  index={first + i}
                  active={first + i === active}
                  quantized={quantized}
                  onSelect={() => move(first + i)}
                />
              ))}
            </div>
          </div>
        </div>
        {total === 0 && page.value.filter !== '' && (
          <p class="nothing muted">{t('Nothing matches “{0}”.', page.value.filter)}</p>
        )}
      </div>
      <p class="visually-hidden" role="status">
        {page.value.filter === '' ? '' : t('{0} rows', count(total))}
      </p>
    </div>
  );
}

interface Column {
  readonly name: string;
  readonly class: string;
  readonly by?: RowsSortDto['by'];
}

function columns(quantized: boolean): readonly Column[] {
  const name: Column = { name: t('Name'), class: 'c-name', by: 'name' };
  const type: Column = { name: t('Type'), class: 'c-type', by: 'type' };
  const size: Column = { name: t('Size'), class: 'c-size', by: 'size' };
  return quantized
    ? [name, type, size, { name: t('SQNR, dB'), class: 'c-sqnr', by: 'sqnr' }]
    : [name, { name: t('Shape'), class: 'c-shape' }, type, size, { name: t('Values'), class: 'c-values' }];
}

/** A click sorts, the next one turns the order round, a third goes back to the order of the file. */
function ColumnHead({ column: { name, class: cls, by } }: { readonly column: Column }) {
  const { sort } = page.value;
  const sorted = by !== undefined && sort?.by === by;
  const next = () => {
    if (by === undefined) return;
    if (!sorted) setPage({ sort: { by, descending: by === 'size' } });
    else if (sort.descending === (by === 'size')) setPage({ sort: { by, descending: !sort.descending } });
    else setPage({ sort: null });
  };
  return (
    <span
      role="columnheader"
      class={by === undefined ? cls : `${cls} sortable`}
      aria-sort={sorted ? (sort.descending ? 'descending' : 'ascending') : undefined}
      title={by === undefined ? undefined : t('Sort by {0}', name)}
      onClick={next}
    >
      {name}
      {sorted && <Icon name={sort.descending ? 'arrow-small-down' : 'arrow-small-up'} />}
    </span>
  );
}

/** One tab stop; the arrows go from icon to icon. */
function moveInToolbar(event: KeyboardEvent): void {
  const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  if (step === 0) return;
  const buttons = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('button:not(:disabled)')];
  const at = buttons.indexOf(document.activeElement as HTMLElement);
  buttons[(at + step + buttons.length) % buttons.length].focus();
}

export function toggleExpanded({ id }: RowDto): void {
  const { toggled } = page.value;
  setPage({ toggled: toggled.includes(id) ? toggled.filter((other) => other !== id) : [...toggled, id] });
}

export function toggleTick(row: RowDto): void {
  if (row.ticked === null || row.id === '' || !canTick(row)) return;
  act('tick', { path: row.id.slice(2), ticked: row.ticked !== 'true' });
}

/** A box whose module can never be quantized says so and stays as it is. */
export function canTick(row: RowDto): boolean {
  return row.ticked !== null && (row.note === '' || row.note === 'excluded');
}

interface TreeMoves {
  readonly total: number;
  readonly pageRows: number;
  move(index: number): void;
}

/** The keys of the treegrid pattern; true when one was handled. */
function treeKey(key: string, at: number, row: RowDto | undefined, { total, pageRows, move }: TreeMoves): boolean {
  const jumps: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + pageRows,
    PageUp: at - pageRows,
    Home: 0,
    End: total - 1,
  };
  if (jumps[key] !== undefined) {
    move(jumps[key]);
    return true;
  }
  if (row === undefined) return false;
  if (key === 'ArrowRight') {
    if (row.expanded === false) toggleExpanded(row);
    else if (row.expanded === true) move(at + 1);
    return true;
  }
  if (key === 'ArrowLeft') {
    if (row.expanded === true) toggleExpanded(row);
    else move(parentIndex(at, row.level));
    return true;
  }
  if (key === ' ') {
    toggleTick(row);
    return true;
  }
  if (key === 'Enter') {
    move(at);
    return true;
  }
  if (key === '*') {
    setPage({ base: 'all', toggled: [] });
    return true;
  }
  return false;
}

function parentIndex(at: number, level: number): number {
  let index = at - 1;
  while (index > 0 && (rowAt(index)?.level ?? 0) >= level) index--;
  return Math.max(0, index);
}
