import { useMemo } from 'preact/hooks';
import uPlot from 'uplot';
import type { EngineName, ForwardResultDto, ProductDto } from '../../src/protocol/dto';
import { significant } from '../format';
import { t } from '../l10n';
import { axis, Chart, type ChartTable } from './Chart';
import { overlay, verticalLine } from './plugins';
import { type ChartTheme, withAlpha } from './theme';

/** Space at the right for the names of the lines and the cursor's values. */
const gutter = 92;
const leftAxis = 52;

interface PanelProps {
  readonly product: ProductDto;
  readonly index: number;
  onMove(index: number): void;
}

/** The chosen product's entry of every call and step on the x axis; a single one becomes a flat line. */
function spread(values: readonly number[], length: number): number[] {
  return values.length === length ? [...values] : Array.from({ length }, () => values[0]);
}

function steps(product: ProductDto): number[] {
  return product.scale.map((_, i) => i);
}

/** The parts that the three panels share. */
function panel(theme: ChartTheme, length: number, index: number, onMove: (index: number) => void, bottom: boolean) {
  return {
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    padding: [6, gutter, 0, 0] as [number, number, number, number],
    xAxis: axis(theme, {
      show: true,
      size: bottom ? 24 : 4,
      values: bottom ? undefined : () => [],
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
    }),
    x: { time: false, range: [-0.5, Math.max(length - 0.5, 0.5)] as [number, number] },
    plugins: [verticalLine(index, theme.text), clickToMove(length, onMove)],
  };
}

function clickToMove(length: number, onMove: (index: number) => void): uPlot.Plugin {
  return {
    hooks: {
      ready: (plot) =>
        plot.over.addEventListener('click', (event) => {
          const at = Math.round(plot.posToVal(event.offsetX, 'x'));
          onMove(Math.max(0, Math.min(length - 1, at)));
        }),
    },
  };
}

interface GutterText {
  readonly value: number;
  readonly text: string;
  readonly strong?: boolean;
}

/** Names or values beside the right end, pushed apart so that none covers another. */
function gutterTexts(theme: ChartTheme, texts: readonly GutterText[]): uPlot.Plugin {
  return overlay((plot, context, ratio) => {
    const gap = 13 * ratio;
    const left = plot.bbox.left + plot.bbox.width + 6 * ratio;
    const placed = texts
      .map((text) => ({ ...text, y: plot.valToPos(text.value, 'y', true) }))
      .filter(({ y }) => Number.isFinite(y))
      .sort((a, b) => a.y - b.y);
    for (let i = 1; i < placed.length; i++) placed[i].y = Math.max(placed[i].y, placed[i - 1].y + gap);
    const overflow = (placed.at(-1)?.y ?? 0) - (plot.bbox.top + plot.bbox.height);
    context.save();
    context.textBaseline = 'middle';
    context.font = theme.font.replace(/^[\d.]+px/, `${11 * ratio}px`);
    for (const { text, strong, y } of placed) {
      context.fillStyle = strong ? theme.text : theme.muted;
      context.fillText(text, left, y - Math.max(0, overflow));
    }
    context.restore();
  });
}

export function ScaleChart({
  forward,
  product,
  index,
  log,
  onMove,
}: PanelProps & { readonly forward: ForwardResultDto; readonly log: boolean }) {
  const length = product.scale.length;
  const others = forward.products
    .filter((other) => other !== product && (other.scale.length === length || other.scale.length === 1))
    .slice(0, 8);
  const data = useMemo<uPlot.AlignedData>(
    () => [steps(product), spread(product.scale, length), ...others.map((other) => spread(other.scale, length))],
    [forward, product],
  );
  const options = useMemo(
    () =>
      (theme: ChartTheme): Omit<uPlot.Options, 'width' | 'height'> => {
        const { xAxis, x, ...rest } = panel(theme, length, index, onMove, false);
        const names = [
          { value: product.scale.at(-1) ?? 0, text: shortWeight(product), strong: true },
          ...others.map((other) => ({ value: other.scale.at(-1) ?? 0, text: shortWeight(other) })),
        ];
        return {
          ...rest,
          scales: {
            x,
            y: log
              ? { distr: 3, range: (_, min, max) => [(min ?? 0.001) * 0.8, (max ?? 1) * 1.25] }
              : { range: (_, __, max) => [0, (max ?? 1) * 1.06] },
          },
          axes: [
            xAxis,
            axis(theme, {
              size: leftAxis,
              values: (_, splits) => splits.map((value) => (value === null ? '' : significant(value, 1))),
            }),
          ],
          series: [
            {},
            { stroke: theme.int8, width: 2, points: { show: length <= 80, size: 4, fill: theme.int8 } },
            ...others.map((other) => ({
              stroke: theme.muted,
              width: 1,
              dash: other.scale.length === 1 ? [2, 3] : undefined,
              points: { show: false },
            })),
          ],
          plugins: [...rest.plugins, ring(theme, index, product.scale[index]), gutterTexts(theme, names)],
        };
      },
    [data, index, log],
  );
  const text = t(
    'step {0}, scale {1}, zero point {2}',
    product.step[index],
    significant(product.scale[index], 3),
    product.zeroPoint[index],
  );
  return (
    <>
      <h3 class="muted">{t('scale')}</h3>
      <Chart
        label={t('Scale of {0} over {1} steps', product.weight, length)}
        height={150}
        data={data}
        options={options}
        table={() => scaleTable(product)}
        slider={{ value: index, max: length - 1, text, onChange: onMove }}
      />
    </>
  );
}

function shortWeight({ module, weight }: ProductDto): string {
  return weight === 'weight' ? (module.split('.').at(-1) ?? weight) : weight.replace(/^weight_/, '');
}

/** The chosen point. */
function ring(theme: ChartTheme, index: number, value: number): uPlot.Plugin {
  return overlay((plot, context, ratio) => {
    context.save();
    context.strokeStyle = theme.int8;
    context.lineWidth = 2 * ratio;
    context.beginPath();
    context.arc(plot.valToPos(index, 'x', true), plot.valToPos(value, 'y', true), 4.5 * ratio, 0, 2 * Math.PI);
    context.stroke();
    context.restore();
  });
}

function scaleTable(product: ProductDto): ChartTable {
  return {
    head: ['call', 'step', 'min', 'max', 'scale', 'zero point'],
    rows: product.scale.map((scale, i) => [
      String(product.call[i]),
      String(product.step[i]),
      significant(product.min[i], 5),
      significant(product.max[i], 5),
      String(scale),
      String(product.zeroPoint[i]),
    ]),
  };
}

export function BandChart({ product, index, onMove }: PanelProps) {
  const length = product.scale.length;
  const data = useMemo<uPlot.AlignedData>(() => [steps(product), [...product.max], [...product.min]], [product]);
  const options = useMemo(
    () =>
      (theme: ChartTheme): Omit<uPlot.Options, 'width' | 'height'> => {
        const { xAxis, x, ...rest } = panel(theme, length, index, onMove, false);
        const texts = [
          { value: product.max[index], text: `max ${significant(product.max[index], 3)}`, strong: true },
          { value: product.min[index], text: `min ${significant(product.min[index], 3)}`, strong: true },
        ];
        return {
          ...rest,
          scales: {
            x,
            y: { range: (_, min, max) => [Math.min(0, min ?? 0) * 1.08, Math.max(0, max ?? 0) * 1.08 || 1] },
          },
          axes: [
            xAxis,
            axis(theme, {
              size: leftAxis,
              space: 24,
              values: (_, splits) => splits.map((value) => significant(value, 2)),
            }),
          ],
          series: [
            {},
            { stroke: theme.float, width: 1.25, points: { show: false } },
            { stroke: theme.float, width: 1.25, points: { show: false } },
          ],
          bands: [{ series: [1, 2], fill: withAlpha(theme.float, 0.4) }],
          plugins: [...rest.plugins, gutterTexts(theme, texts)],
        };
      },
    [data, index],
  );
  return (
    <>
      <h3 class="muted">{t('min, max of {0}', product.input)}</h3>
      <Chart
        label={t('Smallest and largest value of {0} over {1} steps', product.input, length)}
        height={76}
        data={data}
        options={options}
        table={() => scaleTable(product)}
      />
    </>
  );
}

export function ZeroPointChart({
  product,
  index,
  codeMax,
  engine,
  onMove,
}: PanelProps & { readonly codeMax: number; readonly engine: EngineName }) {
  const length = product.scale.length;
  const data = useMemo<uPlot.AlignedData>(() => [steps(product), [...product.zeroPoint]], [product]);
  const options = useMemo(
    () =>
      (theme: ChartTheme): Omit<uPlot.Options, 'width' | 'height'> => {
        const { xAxis, x, ...rest } = panel(theme, length, index, onMove, true);
        return {
          ...rest,
          scales: { x, y: { range: [0, codeMax] } },
          axes: [
            xAxis,
            axis(theme, {
              size: leftAxis,
              splits: () => [0, Math.ceil(codeMax / 2), codeMax],
              values: (_, splits) => splits.map(String),
            }),
          ],
          series: [
            {},
            {
              stroke: theme.int8,
              width: 1.75,
              paths: uPlot.paths.stepped?.({ align: 1 }),
              points: { show: length === 1 },
            },
          ],
          plugins: [
            ...rest.plugins,
            gutterTexts(theme, [
              { value: product.zeroPoint[index], text: String(product.zeroPoint[index]), strong: true },
            ]),
          ],
        };
      },
    [data, index, codeMax],
  );
  return (
    <>
      <h3 class="muted">
        {codeMax === 127
          ? t('zero point of 0–127, {0} keeps 7 bits', engine)
          : t('zero point of 0–255, {0} uses 8 bits', engine)}
      </h3>
      <Chart
        label={t('Zero point over {0} steps', length)}
        height={84}
        data={data}
        options={options}
        table={() => scaleTable(product)}
      />
    </>
  );
}
