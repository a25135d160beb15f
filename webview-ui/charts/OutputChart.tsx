import type { ForwardResultDto } from '../../src/protocol/forwardDto';
import { count, significant } from '../format';
import { engineText, t } from '../l10n';
import { linePath, stickPath, ticks } from './axes';
import { Plot, XTicks, YTicks } from './Plot';

/** Float thick and pale, int8 thin and dashed on top, their difference on an axis of its own. */
export function OutputChart({
  series,
  form,
}: {
  readonly series: ForwardResultDto['series'];
  /** What the quantized model is: `int8`. */
  readonly form: string;
}) {
  const { float, quantized } = series;
  const difference = float.map((value, i) => quantized[i] - value);
  const largest = Math.max(...difference.map(Math.abs), Number.MIN_VALUE);
  const low = Math.min(...float, ...quantized);
  const high = Math.max(...float, ...quantized);
  const pad = (high - low) * 0.06 || 1;
  const x = { min: -0.5, max: Math.max(0.5, float.length - 0.5) };
  const y = { min: low - pad, max: high + pad };
  const at = (value: number) => Math.max(0, Math.min(float.length - 1, Math.round(value)));
  const table = () => ({
    head: [t('index'), 'float32', form, `${form} − float32`],
    rows: float.map((value, i) => [
      String(i),
      significant(value, 6),
      significant(quantized[i], 6),
      significant(difference[i], 3),
    ]),
  });
  const hover = (value: number) => {
    const i = at(value);
    return {
      at: i,
      text: `[${i}] float32 ${significant(float[i], 4)} · ${form} ${significant(quantized[i], 4)} · ${significant(difference[i], 2)}`,
    };
  };
  return (
    <>
      <Plot
        label={t('Outputs of float32 and {0}, {1}', form, engineText(series.label))}
        height={108}
        x={x}
        y={y}
        margin={[6, 8, 4, 60]}
        table={table}
        hover={hover}
      >
        {(frame) => {
          const xs = float.map((_, i) => frame.x(i));
          return (
            <>
              <YTicks frame={frame} values={ticks(y, 3)} text={(value) => significant(value, 2)} />
              <path class="line float thick" d={linePath(xs, float.map(frame.y))} />
              <path class="line int8 thin" d={linePath(xs, quantized.map(frame.y))} />
            </>
          );
        }}
      </Plot>
      <Plot
        label={t('Difference {0} − float32, at most {1}', form, significant(largest, 2))}
        height={64}
        x={x}
        y={{ min: -largest, max: largest }}
        margin={[6, 8, 20, 60]}
        hover={hover}
      >
        {(frame) => (
          <>
            <YTicks frame={frame} values={[-largest, largest]} text={(value) => significant(value, 2)} grid={false} />
            <XTicks
              frame={frame}
              values={ticks({ min: 0, max: Math.max(1, float.length - 1) }, 5).filter(Number.isInteger)}
              text={count}
            />
            <line class="zero" x1={frame.left} x2={frame.right} y1={frame.y(0)} y2={frame.y(0)} />
            <path
              class="stems difference"
              d={stickPath(
                float.map((_, i) => frame.x(i)),
                difference.map(frame.y),
                frame.y(0),
              )}
            />
          </>
        )}
      </Plot>
    </>
  );
}
