import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { t } from '../l10n';
import { Button } from '../views/Button';
import { Heads } from '../views/Title';
import { useSize } from '../views/useSize';
import { type Domain, position, valueAt } from './axes';

export interface ChartTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The inner rectangle of a chart, with the way from values to pixels. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  x(value: number): number;
  y(value: number): number;
}

export interface Slider {
  readonly value: number;
  readonly min?: number;
  readonly max: number;
  readonly text: string;
  onChange(value: number): void;
  /** Shift and an arrow: the range that starts at the cursor grows by a step, or shrinks. */
  onExtend?(by: number): void;
  onEnter?(): void;
}

interface Props {
  /** What the chart shows, for those who do not see it. */
  readonly label: string;
  readonly height: number;
  readonly x: Domain;
  readonly y: Domain;
  /** Space for labels: top, right, bottom, left. */
  readonly margin: readonly [number, number, number, number];
  readonly table?: () => ChartTable;
  /** Keyboard: moves a cursor and reads it out. */
  readonly slider?: Slider;
  /** The text for the value under the pointer and where it belongs on the x axis. */
  readonly hover?: (x: number) => { readonly at: number; readonly text: string } | undefined;
  onPick?(x: number): void;
  /** A range was dragged; without arguments it was reset. */
  onBrush?(from?: number, to?: number): void;
  readonly children: (frame: Frame) => ComponentChildren;
}

/** A chart as SVG: colours come from style sheets, so a change of theme redraws nothing. */
export function Plot(props: Props) {
  const { label, height, x, y, margin, table, slider, children } = props;
  const [asTable, setAsTable] = useState(false);
  const [element, width] = useSize((target) => Math.floor(target.clientWidth), 0, asTable);
  const [top, right, bottom, left] = margin;
  const inner = Math.max(20, width - left - right);
  const frame: Frame = {
    left,
    right: left + inner,
    top,
    bottom: height - bottom,
    x: position(x, left, inner),
    y: position(y, height - bottom, -(height - bottom - top)),
  };
  return (
    <div class="chart">
      {asTable && table !== undefined ? (
        <DataTable label={label} {...table()} />
      ) : (
        <div
          ref={element}
          class="plot"
          style={{ height: `${height}px` }}
          onKeyDown={slider && ((event) => moveSlider(event, slider))}
          {...roles(label, slider)}
        >
          {width > 0 && (
            <svg width={width} height={height} aria-hidden="true">
              {children(frame)}
            </svg>
          )}
          {width > 0 && <Pointer {...props} frame={frame} toX={valueAt(x, left, inner)} />}
        </div>
      )}
      {table !== undefined && (
        <Button class="link as-table" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {asTable ? t('Show as chart') : t('Show as table')}
        </Button>
      )}
    </div>
  );
}

function roles(label: string, slider: Slider | undefined) {
  if (slider === undefined) return { role: 'img' as const, 'aria-label': label };
  return {
    role: 'slider' as const,
    tabIndex: 0,
    'aria-label': label,
    'aria-valuemin': slider.min ?? 0,
    'aria-valuemax': slider.max,
    'aria-valuenow': slider.value,
    'aria-valuetext': slider.text,
  };
}

function moveSlider(event: KeyboardEvent, { value, min = 0, max, onChange, onEnter, onExtend }: Slider): void {
  const page = Math.max(1, Math.round((max - min) / 10));
  const moves: Record<string, number> = {
    ArrowLeft: value - 1,
    ArrowDown: value - 1,
    ArrowRight: value + 1,
    ArrowUp: value + 1,
    PageDown: value - page,
    PageUp: value + page,
    Home: min,
    End: max,
  };
  const next = moves[event.key];
  if (event.shiftKey && onExtend !== undefined && next !== undefined) onExtend(next - value);
  else if (event.key === 'Enter' && onEnter !== undefined) onEnter();
  else if (next === undefined) return;
  else onChange(Math.max(min, Math.min(max, next)));
  event.preventDefault();
}

interface PointerProps extends Props {
  readonly frame: Frame;
  toX(pixel: number): number;
}

/** What the mouse does over a chart: hover, pick, drag a range. */
function Pointer({ frame, toX, x, hover, onPick, onBrush }: PointerProps) {
  const [at, setAt] = useState<number>();
  const drag = useRef<number>();
  const [dragged, setDragged] = useState<readonly [number, number]>();
  if (hover === undefined && onPick === undefined && onBrush === undefined) return null;
  const value = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return Math.max(x.min, Math.min(x.max, toX(event.clientX - box.left + frame.left)));
  };
  const found = at === undefined || dragged !== undefined ? undefined : hover?.(at);
  const end = () => {
    if (dragged !== undefined && onBrush !== undefined) onBrush(Math.min(...dragged), Math.max(...dragged));
    drag.current = undefined;
    setDragged(undefined);
  };
  const { left, top } = frame;
  return (
    <div
      class="pointer"
      style={{
        left: `${left}px`,
        top: `${top}px`,
        width: `${frame.right - left}px`,
        height: `${frame.bottom - top}px`,
      }}
      onPointerDown={(event) => {
        drag.current = value(event);
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        setAt(value(event));
        if (drag.current !== undefined && onBrush !== undefined) {
          const range = [drag.current, value(event)] as const;
          if (dragged !== undefined || Math.abs(frame.x(range[1]) - frame.x(range[0])) > 3) setDragged(range);
        }
      }}
      onPointerUp={(event) => {
        if (dragged === undefined) onPick?.(value(event));
        end();
      }}
      onPointerCancel={end}
      onPointerLeave={() => setAt(undefined)}
      onDblClick={() => onBrush?.()}
    >
      {dragged !== undefined && (
        <span
          class="brush"
          style={{
            left: `${frame.x(Math.min(...dragged)) - left}px`,
            width: `${frame.x(Math.max(...dragged)) - frame.x(Math.min(...dragged))}px`,
          }}
        />
      )}
      {found !== undefined && (
        <>
          <span class="hover-line" style={{ left: `${frame.x(found.at) - left}px` }} />
          <span
            class={frame.x(found.at) > (frame.left + frame.right) / 2 ? 'hover-text before' : 'hover-text'}
            style={{ left: `${frame.x(found.at) - left}px` }}
          >
            {found.text}
          </span>
        </>
      )}
    </div>
  );
}

const maxTableRows = 300;

function DataTable({ label, head, rows }: ChartTable & { readonly label: string }) {
  return (
    <div class="data-table" tabIndex={0} role="region" aria-label={label}>
      <table>
        <Heads names={head} />
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

interface TickProps {
  readonly frame: Frame;
  readonly values: readonly number[];
  readonly text: (value: number) => string;
  readonly grid?: boolean;
}

/** Labels below the chart. */
export function XTicks({ frame, values, text, grid = false }: TickProps) {
  return (
    <g class="ticks">
      {values.map((value) => (
        <g key={value}>
          {grid && <line class="grid" x1={frame.x(value)} x2={frame.x(value)} y1={frame.top} y2={frame.bottom} />}
          <text x={frame.x(value)} y={frame.bottom + 14} text-anchor="middle">
            {text(value)}
          </text>
        </g>
      ))}
    </g>
  );
}

/** Labels left of the chart, with lines across it. */
export function YTicks({ frame, values, text, grid = true }: TickProps) {
  return (
    <g class="ticks">
      {values.map((value) => (
        <g key={value}>
          {grid && <line class="grid" x1={frame.left} x2={frame.right} y1={frame.y(value)} y2={frame.y(value)} />}
          <text x={frame.left - 7} y={frame.y(value) + 4} text-anchor="end">
            {text(value)}
          </text>
        </g>
      ))}
    </g>
  );
}
