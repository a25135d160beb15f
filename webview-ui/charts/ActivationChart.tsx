import { useMemo } from 'preact/hooks';
import type uPlot from 'uplot';
import type { ActivationDetailDto } from '../../src/protocol/dto';
import { count, significant } from '../format';
import { t } from '../l10n';
import { axis, Chart } from './Chart';
import { overlay, sticks } from './plugins';
import type { ChartTheme } from './theme';

/** One step's values as ticks above, the codes they became as sticks below. */
export function ActivationChart({
  activation,
  label,
}: {
  readonly activation: ActivationDetailDto;
  readonly label: string;
}) {
  const { values, codes, codeMax, scale, zeroPoint } = activation;
  // A value at the edge may round to one code more than the range has.
  const last = codes[codeMax + 1] > 0 ? codeMax + 1 : codeMax;
  const used = useMemo(
    () => codes.map((value, code) => ({ code, value })).filter(({ value }) => value > 0),
    [activation],
  );
  const data = useMemo<uPlot.AlignedData>(
    () => [
      [0, last],
      [null, null],
    ],
    [activation],
  );
  const options = useMemo(
    () =>
      (theme: ChartTheme): Omit<uPlot.Options, 'width' | 'height'> => ({
        legend: { show: false },
        cursor: { show: false },
        padding: [22, 6, 0, 6],
        scales: {
          x: { time: false, range: [-2, last + 2] },
          y: { range: [0, Math.max(1, ...used.map(({ value }) => value))] },
        },
        axes: [
          axis(theme, {
            splits: () => [0, Math.ceil(codeMax / 2), codeMax],
            values: (_, splits) => splits.map(String),
            grid: { show: false },
          }),
          axis(theme, { show: false }),
        ],
        series: [{}, { points: { show: false } }],
        plugins: [
          sticks(
            used.map(({ code }) => code),
            used.map(({ value }) => value),
            theme.int8,
            [],
            false,
          ),
          valueTicks(theme, values, scale, zeroPoint),
        ],
      }),
    [activation],
  );
  const table = () => ({
    head: ['code', 'value', 'count'],
    rows: used.map(({ code, value }) => [String(code), significant((code - zeroPoint) * scale, 4), count(value)]),
  });
  return (
    <>
      <Chart
        label={t('Values and uint8 codes of {0}', label)}
        height={150}
        data={data}
        options={options}
        table={table}
      />
      <p class="legend small">
        <span>
          <span class="mark value" aria-hidden="true" /> {t('value')}
        </span>
        <span>
          <span class="mark code" aria-hidden="true" /> {t('uint8 code')}
        </span>
      </p>
    </>
  );
}

/** Every value at its exact place on the axis of the codes. */
function valueTicks(theme: ChartTheme, values: readonly number[], scale: number, zeroPoint: number): uPlot.Plugin {
  return overlay((plot, context, ratio) => {
    context.save();
    context.strokeStyle = theme.float;
    context.lineWidth = ratio;
    const bottom = plot.bbox.top - 4 * ratio;
    for (const value of values) {
      const x = plot.valToPos(value / scale + zeroPoint, 'x', true);
      context.beginPath();
      context.moveTo(x, bottom - 10 * ratio);
      context.lineTo(x, bottom);
      context.stroke();
    }
    context.setLineDash([2 * ratio, 2 * ratio]);
    context.strokeStyle = theme.muted;
    const zero = plot.valToPos(zeroPoint, 'x', true);
    context.beginPath();
    context.moveTo(zero, bottom);
    context.lineTo(zero, plot.bbox.top + plot.bbox.height);
    context.stroke();
    context.restore();
  });
}
