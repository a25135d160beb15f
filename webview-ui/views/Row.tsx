import type { RowDto } from '../../src/protocol/rowsDto';
import { bytes, count, decibel, fixed, shape, shortName, visible } from '../format';
import { engineText, plural, t } from '../l10n';
import { sparklines } from '../state/rows';
import { snapshot } from '../state/store';
import { Icon } from './Icon';
import { canTick, toggleExpanded, toggleTick } from './TreeTable';

interface Props {
  readonly row: RowDto | undefined;
  readonly index: number;
  readonly active: boolean;
  readonly quantized: boolean;
  onSelect(): void;
}

export function Row({ row, index, active, quantized, onSelect }: Props) {
  if (row === undefined) return <div class="row waiting" role="row" aria-rowindex={index + 2} id={`row-${index}`} />;
  const selected = snapshot.value?.selection === row.id;
  return (
    <div
      id={`row-${index}`}
      class={`row ${row.kind}${active ? ' active' : ''}${selected ? ' selected' : ''}`}
      role="row"
      data-testid="row"
      data-id={row.id}
      aria-rowindex={index + 2}
      aria-level={row.level}
      aria-setsize={row.setSize}
      aria-posinset={row.posInSet}
      aria-expanded={row.expanded ?? undefined}
      aria-selected={selected}
      title={tooltip(row)}
      onClick={onSelect}
      onDblClick={() => row.expanded !== null && toggleExpanded(row)}
    >
      <span role="gridcell" class="c-name">
        {quantized && <TickBox row={row} />}
        <span class="indent" style={{ width: `${(row.level - 1) * 12}px` }} />
        <Twistie row={row} />
        {row.kind === 'opaque' && <Icon name="circle-slash" />}
        <span class="label">{shortName(row.label, 60)}</span>
        {row.kind !== 'tensor' && <span class="muted kind">{kindText(row, quantized)}</span>}
      </span>
      {quantized ? <QuantizedCells row={row} /> : <FloatCells row={row} />}
    </div>
  );
}

function kindText(row: RowDto, quantized: boolean): string {
  if (row.kind === 'opaque') return t('{0}, not built', visible(row.repr));
  if (quantized) return row.moduleType;
  return row.level === 1 && row.repr === ''
    ? plural(row.tensorCount, '{0} tensor', '{0} tensors', count(row.tensorCount))
    : visible(row.repr);
}

function tooltip(row: RowDto): string {
  const line = row.kind === 'tensor' ? sparklines.value.get(row.fullName) : undefined;
  const values =
    line &&
    t(
      '{0} to {1} · mean {2} · std {3}',
      fixed(line.min, 4),
      fixed(line.max, 4),
      fixed(line.mean, 4),
      fixed(line.std, 4),
    );
  return [visible(row.fullName), t('{0} bytes', count(row.bytes)), values, engineText(row.note)]
    .filter(Boolean)
    .join('\n');
}

function Twistie({ row }: { readonly row: RowDto }) {
  if (row.expanded === null) return <span class="twistie" />;
  return (
    <span
      class={`twistie codicon codicon-chevron-${row.expanded ? 'down' : 'right'}`}
      aria-hidden="true"
      onClick={(event) => {
        event.stopPropagation();
        toggleExpanded(row);
      }}
    />
  );
}

/** The row is what is focused; Space ticks it, so the box itself is no tab stop. */
function TickBox({ row }: { readonly row: RowDto }) {
  if (row.ticked === null) return <span class="tick-space" />;
  const icon = row.ticked === 'true' ? 'check' : row.ticked === 'mixed' ? 'dash' : undefined;
  return (
    <span
      class={`tick${canTick(row) ? '' : ' disabled'}`}
      role="checkbox"
      aria-checked={row.ticked}
      aria-disabled={!canTick(row)}
      aria-label={t('Quantize {0}', row.fullName || row.label)}
      onClick={(event) => {
        event.stopPropagation();
        toggleTick(row);
      }}
    >
      {icon !== undefined && <Icon name={icon} />}
    </span>
  );
}

function FloatCells({ row }: { readonly row: RowDto }) {
  return (
    <>
      <span role="gridcell" class={row.kind === 'tensor' ? 'c-shape' : 'c-shape absorbed'}>
        {shape(row.shape)}
      </span>
      <span role="gridcell" class="c-type muted">
        {row.dtype}
      </span>
      <span role="gridcell" class="c-size" title={t('{0} bytes', count(row.bytes))}>
        {row.kind === 'opaque' ? '' : bytes(row.bytes)}
      </span>
      <span role="gridcell" class="c-values">
        {row.kind === 'tensor' && <Sparkline name={row.fullName} />}
      </span>
    </>
  );
}

function QuantizedCells({ row }: { readonly row: RowDto }) {
  const { after } = row;
  return (
    <>
      <span role="gridcell" class="c-type">
        {after === null ? (
          <span class="muted">{row.dtype}</span>
        ) : (
          <BeforeAfter before={row.dtype} after={after.dtype} />
        )}
      </span>
      <span role="gridcell" class="c-size">
        {after === null ? (
          <span class="muted">{bytes(row.bytes)}</span>
        ) : (
          <BeforeAfter before={bytes(row.bytes)} after={bytes(after.bytes)} />
        )}
      </span>
      <span role="gridcell" class="c-sqnr">
        {after?.sqnrDb != null && <SqnrBar value={after.sqnrDb} />}
        {row.note !== '' && after?.sqnrDb == null && <span class="muted note">{engineText(row.note)}</span>}
      </span>
    </>
  );
}

function BeforeAfter({ before, after }: { readonly before: string; readonly after: string }) {
  return (
    <>
      <span class="muted before">{before} → </span>
      <span>{after}</span>
    </>
  );
}

/** On a fixed axis of 0 to 60 dB, so that rows compare. */
export function SqnrBar({ value }: { readonly value: number }) {
  return (
    <>
      <span class="sqnr-bar" aria-hidden="true">
        <span style={{ width: `${Math.max(0, Math.min(1, value / 60)) * 100}%` }} />
      </span>
      <span>{decibel(value)}</span>
    </>
  );
}

function Sparkline({ name }: { readonly name: string }) {
  const line = sparklines.value.get(name);
  if (line === undefined) return <span class="bone small" />;
  const top = Math.max(...line.counts, 1);
  const width = 92 / line.counts.length;
  // One path: a rectangle a bin would be most of the elements in the page.
  const bars = line.counts
    .map((value, i) => {
      const height = value === 0 ? 0 : Math.max(1, (value / top) * 14);
      return `M${(i * width).toFixed(1)} 15v-${height.toFixed(1)}h${Math.max(width - 0.6, 0.5).toFixed(1)}v${height.toFixed(1)}z`;
    })
    .join('');
  return (
    <svg class="sparkline" width="100%" height="15" viewBox="0 0 92 15" preserveAspectRatio="none" aria-hidden="true">
      <path d={bars} />
    </svg>
  );
}
