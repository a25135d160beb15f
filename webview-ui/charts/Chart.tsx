import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { t } from '../l10n';
import { type ChartTheme, chartTheme } from './theme';

export interface ChartTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface ChartProps {
  /** What the chart shows, for those who do not see it. */
  readonly label: string;
  readonly height: number;
  readonly data: uPlot.AlignedData;
  /** Everything but the size; called again with every theme. */
  readonly options: (theme: ChartTheme) => Omit<uPlot.Options, 'width' | 'height'>;
  readonly table: () => ChartTable;
  /** Keyboard: moves a cursor and reads it out. */
  readonly slider?: {
    readonly value: number;
    readonly max: number;
    readonly text: string;
    onChange(value: number): void;
  };
}

/** The one place that knows uPlot: redraws on theme and size, offers its data as a table. */
export function Chart({ label, height, data, options, table, slider }: ChartProps) {
  const element = useRef<HTMLDivElement>(null);
  const [asTable, setAsTable] = useState(false);
  const theme = chartTheme.value;
  useEffect(() => {
    const target = element.current;
    if (target === null || asTable) return;
    const plot = new uPlot({ ...options(theme), width: Math.max(target.clientWidth, 60), height }, data, target);
    const resize = new ResizeObserver(() => plot.setSize({ width: Math.max(target.clientWidth, 60), height }));
    resize.observe(target);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [data, theme, height, asTable, options]);
  const keys = slider && ((event: KeyboardEvent) => moveSlider(event, slider));
  const role = slider === undefined ? { role: 'img' as const, 'aria-label': label } : sliderRole(label, slider);
  return (
    <div class="chart">
      {asTable ? (
        <DataTable label={label} {...table()} />
      ) : (
        <div ref={element} class="plot" onKeyDown={keys} {...role} />
      )}
      <button type="button" class="link as-table" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
        {asTable ? t('Show as chart') : t('Show as table')}
      </button>
    </div>
  );
}

function sliderRole(label: string, { value, max, text }: NonNullable<ChartProps['slider']>) {
  return {
    role: 'slider' as const,
    tabIndex: 0,
    'aria-label': label,
    'aria-valuemin': 0,
    'aria-valuemax': max,
    'aria-valuenow': value,
    'aria-valuetext': text,
  };
}

function moveSlider(event: KeyboardEvent, { value, max, onChange }: NonNullable<ChartProps['slider']>): void {
  const page = Math.max(1, Math.round(max / 10));
  const moves: Record<string, number> = {
    ArrowLeft: value - 1,
    ArrowDown: value - 1,
    ArrowRight: value + 1,
    ArrowUp: value + 1,
    PageDown: value - page,
    PageUp: value + page,
    Home: 0,
    End: max,
  };
  const next = moves[event.key];
  if (next === undefined) return;
  event.preventDefault();
  onChange(Math.max(0, Math.min(max, next)));
}

const maxTableRows = 300;

function DataTable({ label, head, rows }: ChartTable & { readonly label: string }) {
  return (
    <div class="data-table" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, maxTableRows).map((row, i) => (
            <tr key={i}>
              {row.map((cell, j) => (
                <td key={head[j]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > maxTableRows && <p class="muted">{t('{0} more rows', rows.length - maxTableRows)}</p>}
    </div>
  );
}

/** An axis in the chart's colours. */
export function axis(theme: ChartTheme, change: uPlot.Axis = {}): uPlot.Axis {
  return {
    stroke: theme.muted,
    font: theme.font,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { show: false },
    size: 28,
    gap: 4,
    ...change,
  };
}
