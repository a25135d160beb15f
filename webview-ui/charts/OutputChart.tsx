import { useMemo } from 'preact/hooks';
import type uPlot from 'uplot';
import type { ForwardResultDto } from '../../src/protocol/dto';
import { significant } from '../format';
import { t } from '../l10n';
import { axis, Chart } from './Chart';
import { sticks } from './plugins';
import { type ChartTheme, withAlpha } from './theme';

/** Float thick and pale, int8 thin and dashed on top, their difference on an axis of its own. */
export function OutputChart({ series }: { readonly series: ForwardResultDto['series'] }) {
  const { float, quantized } = series;
  const xs = useMemo(() => float.map((_, i) => i), [series]);
  const difference = useMemo(() => float.map((value, i) => quantized[i] - value), [series]);
  const data = useMemo<uPlot.AlignedData>(() => [xs, [...float], [...quantized]], [series]);
  const zeros = useMemo<uPlot.AlignedData>(() => [xs, xs.map(() => 0)], [series]);
  const largest = Math.max(...difference.map(Math.abs), Number.MIN_VALUE);
  const table = () => ({
    head: ['index', 'float32', 'int8', 'int8 − float32'],
    rows: xs.map((i) => [
      String(i),
      significant(float[i], 6),
      significant(quantized[i], 6),
      significant(difference[i], 3),
    ]),
  });
  const common = {
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 10, 0, 0] as [number, number, number, number],
  };
  const x = { time: false, range: [-1, xs.length] as [number, number] };
  const outputs = useMemo(
    () =>
      (theme: ChartTheme): Omit<uPlot.Options, 'width' | 'height'> => ({
        ...common,
        scales: { x },
        axes: [
          axis(theme, { size: 4, values: () => [] }),
          axis(theme, { size: 60, values: (_, splits) => splits.map((value) => significant(value, 2)) }),
        ],
        series: [
          {},
          { stroke: withAlpha(theme.float, 0.5), width: 3, points: { show: false } },
          { stroke: theme.int8, width: 1.25, dash: [4, 2], points: { show: false } },
        ],
      }),
    [data],
  );
  const differences = useMemo(
    () =>
      (theme: ChartTheme): Omit<uPlot.Options, 'width' | 'height'> => ({
        ...common,
        scales: { x, y: { range: [-largest, largest] } },
        axes: [
          axis(theme, { size: 22 }),
          axis(theme, {
            size: 60,
            splits: () => [-largest, largest],
            values: (_, splits) => splits.map((value) => significant(value, 2)),
          }),
        ],
        series: [{}, { stroke: theme.muted, width: 1, points: { show: false } }],
        plugins: [sticks(xs, difference, theme.text, [], false)],
      }),
    [data],
  );
  return (
    <>
      <Chart
        label={t('Outputs of float32 and int8, {0}', series.label)}
        height={120}
        data={data}
        options={outputs}
        table={table}
      />
      <Chart
        label={t('Difference int8 − float32, at most {0}', significant(largest, 2))}
        height={66}
        data={zeros}
        options={differences}
        table={table}
      />
    </>
  );
}
