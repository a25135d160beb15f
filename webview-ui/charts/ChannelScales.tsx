import { useMemo } from 'preact/hooks';
import uPlot from 'uplot';
import type { TensorQuantizationDto } from '../../src/protocol/dto';
import { significant } from '../format';
import { t } from '../l10n';
import { axis, Chart } from './Chart';
import { overlay } from './plugins';
import { type ChartTheme, withAlpha } from './theme';

/** One bar a row, hanging from the per-tensor scale: the longer, the more per channel gains. */
export function ChannelScales({ quantization }: { readonly quantization: TensorQuantizationDto }) {
  const { scales, perTensorScale, gates } = quantization;
  const data = useMemo<uPlot.AlignedData>(() => [scales.map((_, i) => i), [...scales]], [quantization]);
  const options = useMemo(
    () =>
      (theme: ChartTheme): Omit<uPlot.Options, 'width' | 'height'> => ({
        legend: { show: false },
        cursor: { show: false },
        padding: [14, 8, 0, 0],
        scales: {
          x: { time: false, range: [-0.5, scales.length - 0.5] },
          y: { range: (_, min) => [Math.min(min ?? 0, perTensorScale) * 0.98, perTensorScale * 1.005] },
        },
        axes: [
          axis(theme, { grid: { show: false } }),
          axis(theme, { size: 64, values: (_, splits) => splits.map((value) => significant(value, 3)) }),
        ],
        series: [
          {},
          {
            stroke: theme.int8,
            width: 1,
            fill: withAlpha(theme.int8, 0.5),
            fillTo: perTensorScale,
            paths: uPlot.paths.bars?.({ size: [0.8, 12] }),
            points: { show: false },
          },
        ],
        plugins: [gateMarks(theme, gates, scales.length)],
      }),
    [quantization],
  );
  const table = () => ({
    head: ['row', 'gate', 'scale'],
    rows: scales.map((scale, i) => [
      String(i),
      gates[Math.floor((i * gates.length) / scales.length)] ?? '',
      String(scale),
    ]),
  });
  return (
    <div class="steps">
      <h2>
        {t('Scale of every row')}{' '}
        <span class="muted">{t('hanging from the per-tensor scale {0}', significant(perTensorScale, 5))}</span>
      </h2>
      <Chart
        label={t('Scale of each of {0} rows', scales.length)}
        height={120}
        data={data}
        options={options}
        table={table}
      />
    </div>
  );
}

/** The rows of an LSTM or GRU weight belong to its gates in equal parts. */
function gateMarks(theme: ChartTheme, gates: readonly string[], rows: number): uPlot.Plugin {
  return overlay((plot, context, ratio) => {
    context.save();
    context.strokeStyle = theme.muted;
    context.fillStyle = theme.muted;
    context.font = theme.font.replace(/^[\d.]+px/, `${11 * ratio}px`);
    for (const [i, gate] of gates.entries()) {
      const x = plot.valToPos((i * rows) / gates.length - 0.5, 'x', true);
      context.fillText(gate, x + 4 * ratio, plot.bbox.top - 3 * ratio);
      if (i === 0) continue;
      context.beginPath();
      context.moveTo(x, plot.bbox.top - 10 * ratio);
      context.lineTo(x, plot.bbox.top + plot.bbox.height);
      context.stroke();
    }
    context.restore();
  });
}
