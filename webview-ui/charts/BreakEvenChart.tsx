import type { BreakEvenDto } from '../../src/protocol/answersDto';
import { count, microseconds } from '../format';
import { t } from '../l10n';
import { linePath, ticks } from './axes';
import { Plot, XTicks, YTicks } from './Plot';

/** Median latency of float and int8 over parameters, both axes logarithmic; the layer itself is ringed. */
export function BreakEvenChart({ found }: { readonly found: BreakEvenDto }) {
  const { points, breakEvenParameters } = found;
  const sizes = points.map(({ parameters }) => parameters);
  const times = points.flatMap(({ floatUs, quantizedUs }) => [floatUs.median, quantizedUs.median]);
  const x = { min: Math.min(...sizes) / 1.3, max: Math.max(...sizes) * 1.3, log: true };
  const y = { min: Math.min(...times) / 1.4, max: Math.max(...times) * 1.4, log: true };
  const nearest = (value: number) =>
    points.reduce(
      (best, { parameters }, i) =>
        Math.abs(Math.log(parameters / value)) < Math.abs(Math.log(points[best].parameters / value)) ? i : best,
      0,
    );
  const text = (i: number) => {
    const { label, floatUs, quantizedUs } = points[i];
    return t('{0}: float32 {1}, int8 {2}', label, microseconds(floatUs.median), microseconds(quantizedUs.median));
  };
  return (
    <Plot
      label={t('Latency over size, {0} sizes', points.length)}
      height={190}
      x={x}
      y={y}
      margin={[20, 12, 36, 56]}
      hover={(value) => ({ at: points[nearest(value)].parameters, text: text(nearest(value)) })}
      table={() => ({
        head: [t('Layer'), t('parameters'), 'float32', 'int8', t('times faster')],
        rows: points.map(({ label, parameters, floatUs, quantizedUs, ratio }) => [
          label,
          count(parameters),
          microseconds(floatUs.median),
          microseconds(quantizedUs.median),
          ratio.toFixed(2),
        ]),
      })}
    >
      {(frame) => {
        const xs = sizes.map(frame.x);
        const floats = points.map(({ floatUs }) => frame.y(floatUs.median));
        const ints = points.map(({ quantizedUs }) => frame.y(quantizedUs.median));
        return (
          <>
            <text x={0} y={10}>
              {t('median latency, log; lower is better')}
            </text>
            <YTicks frame={frame} values={ticks(y, 3)} text={microseconds} />
            <XTicks frame={frame} values={ticks(x, 3)} text={count} />
            <text x={frame.right} y={frame.bottom + 30} text-anchor="end">
              {t('parameters, log')}
            </text>
            {breakEvenParameters !== null && (
              <line
                class="target"
                x1={frame.x(breakEvenParameters)}
                x2={frame.x(breakEvenParameters)}
                y1={frame.top}
                y2={frame.bottom}
              />
            )}
            <path class="line float" d={linePath(xs, floats)} />
            <path class="line int8" d={linePath(xs, ints)} />
            {points.map(({ label, own }, i) => (
              <g key={label}>
                <circle class="knob float" cx={xs[i]} cy={floats[i]} r={3} />
                <circle class="knob int8" cx={xs[i]} cy={ints[i]} r={3} />
                {own && <circle class="halo" cx={xs[i]} cy={ints[i]} r={7} />}
              </g>
            ))}
            <text class="note-label" x={xs[xs.length - 1]} y={floats[floats.length - 1] - 8} text-anchor="end">
              float32
            </text>
            <text class="note-label" x={xs[xs.length - 1]} y={ints[ints.length - 1] + 16} text-anchor="end">
              int8
            </text>
          </>
        );
      }}
    </Plot>
  );
}
