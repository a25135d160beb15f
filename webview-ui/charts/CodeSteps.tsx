import { useMemo } from 'preact/hooks';
import uPlot from 'uplot';
import type { TensorQuantizationDto } from '../../src/protocol/dto';
import { count, significant } from '../format';
import { t } from '../l10n';
import { axis, Chart } from './Chart';
import { overlay, sticks } from './plugins';
import { type ChartTheme, withAlpha } from './theme';

const firstCode = -6;
const lastCode = 6;

/** A few codes in the middle, enlarged: float in eighths of a step, int8 only on its grid. This is what shows rounding. */
export function CodeSteps({ quantization }: { readonly quantization: TensorQuantizationDto }) {
  const { floatEighths, codes, scales, scheme } = quantization;
  const { data, stems } = useMemo(() => {
    const from = (firstCode + 128) * 8;
    const to = (lastCode + 129) * 8;
    const xs = Array.from({ length: to - from }, (_, i) => firstCode - 0.5 + (i + 0.5) / 8);
    const wanted = Array.from({ length: lastCode - firstCode + 1 }, (_, i) => firstCode + i);
    return {
      data: [xs, floatEighths.slice(from, to)] as uPlot.AlignedData,
      stems: { xs: wanted, ys: wanted.map((code) => codes[code + 128]) },
    };
  }, [quantization]);
  const options = useMemo(
    () =>
      (theme: ChartTheme): Omit<uPlot.Options, 'width' | 'height'> => ({
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 8, 0, 0],
        scales: {
          x: { time: false, range: [firstCode - 0.5, lastCode + 0.5] },
          y: { range: (_, __, max) => [0, Math.max(1, ...stems.ys, max ?? 1) * 1.08] },
        },
        axes: [
          axis(theme, {
            splits: () => stems.xs,
            values: (_, splits) => splits.map((code) => String(code).replace('-', '−')),
            grid: { show: false },
          }),
          axis(theme, { size: 44, values: (_, splits) => splits.map((value) => count(value)) }),
        ],
        series: [
          {},
          {
            stroke: theme.float,
            width: 1,
            fill: withAlpha(theme.float, 0.55),
            paths: uPlot.paths.bars?.({ size: [0.8, 20] }),
            points: { show: false },
          },
        ],
        plugins: [sticks(stems.xs, stems.ys, theme.int8, [4, 2], true), bracket(theme)],
      }),
    [stems],
  );
  const table = () => ({
    head: ['code', 'float32 rounded to it', 'int8'],
    rows: stems.xs.map((code, i) => [String(code), count(stems.ys[i]), count(stems.ys[i])]),
  });
  return (
    <div class="steps">
      <h2>
        {t('Codes {0} to {1}', '−6', 6)}{' '}
        <span class="muted">{t('float32 in eighths of a step, int8 only on the grid')}</span>
      </h2>
      <Chart
        label={t('Values around zero in eighths of a quantization step')}
        height={130}
        data={data}
        options={options}
        table={table}
      />
      <p class="muted bracket-note">
        {t('|⟷| 1 step = scale')}
        {scheme === 'per_tensor' && ` = ${significant(scales[0], 5)}`}
      </p>
    </div>
  );
}

/** The width of one step, under the bars. */
function bracket(theme: ChartTheme): uPlot.Plugin {
  return overlay((plot, context, ratio) => {
    const left = plot.valToPos(-4, 'x', true);
    const right = plot.valToPos(-3, 'x', true);
    const y = plot.bbox.top + 6 * ratio;
    context.save();
    context.strokeStyle = theme.text;
    context.lineWidth = ratio;
    context.beginPath();
    context.moveTo(left, y - 4 * ratio);
    context.lineTo(left, y + 4 * ratio);
    context.moveTo(left, y);
    context.lineTo(right, y);
    context.moveTo(right, y - 4 * ratio);
    context.lineTo(right, y + 4 * ratio);
    context.stroke();
    context.restore();
  });
}
