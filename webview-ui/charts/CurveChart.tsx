import { useState } from 'preact/hooks';
import type { SensitivityDto } from '../../src/protocol/answersDto';
import { bytes, decibel } from '../format';
import { t } from '../l10n';
import { currentPoint, suggested } from '../state/sensitivity';
import { percentText } from '../views/ErrorView';
import { linePath, ticks } from './axes';
import { Plot, XTicks, YTicks } from './Plot';

interface Props {
  readonly found: SensitivityDto;
  onApply(n: number): void;
}

/** Size on x, output SQNR on y, one point a layer; all in float32, which has no error, is the mark at the top. */
export function CurveChart({ found, onApply }: Props) {
  const [chosen, setChosen] = useState<number>();
  const points = found.curve
    .map((set, n) => ({ n, bytes: set.bytes, db: set.measuredDb ?? set.sqnrDb }))
    .filter(({ db }) => db !== null && Number.isFinite(db));
  if (points.length === 0) return null;
  const total = found.layers.length;
  const low = points[0].bytes;
  // With a single layer the axis still has two ends: everything in int8, everything in float32.
  const high = Math.max(...found.curve.map(({ bytes: size }) => size));
  const span = high - low || low * 0.1 || 1;
  const dbs = points.map(({ db }) => db);
  const x = { min: low - span * 0.08, max: high + span * 0.08 };
  const room = Math.max(6, (Math.max(...dbs) - Math.min(...dbs)) * 0.15);
  const y = { min: Math.min(...dbs) - room, max: Math.max(...dbs) + 2 * room };
  const best = suggested(found);
  const nearest = (value: number) =>
    points.reduce(
      (found, point, i) => (Math.abs(point.bytes - value) < Math.abs(points[found].bytes - value) ? i : found),
      0,
    );
  const percent = (db: number) => percentText(100 * 10 ** (-db / 20));
  const text = (i: number) => {
    const { n, bytes: size, db } = points[i];
    return t('{0} of {1} layers quantized: {2}, {3} dB, {4}', total - n, total, bytes(size), decibel(db), percent(db));
  };
  const applied = points.findIndex(({ n }) => n === currentPoint(found));
  const at = Math.min(chosen ?? Math.max(0, applied), points.length - 1);
  return (
    <Plot
      label={t('Output SQNR over size, {0} points', points.length)}
      height={236}
      x={x}
      y={y}
      margin={[20, 12, 36, 40]}
      table={() => ({
        head: [t('layers quantized'), t('Size'), 'SQNR, dB', t('error')],
        rows: points.map(({ n, bytes: size, db }) => [String(total - n), bytes(size), decibel(db), percent(db)]),
      })}
      hover={(value) => ({ at: points[nearest(value)].bytes, text: text(nearest(value)) })}
      onPick={(value) => onApply(points[nearest(value)].n)}
      slider={{
        value: at,
        max: points.length - 1,
        text: text(at),
        onChange: setChosen,
        onEnter: () => onApply(points[at].n),
      }}
    >
      {(frame) => {
        const xs = points.map((point) => frame.x(point.bytes));
        const ys = dbs.map(frame.y);
        const ring = points.findIndex(({ n }) => n === best);
        // Words go to the side that has room for them, else to the upper left, where a rising curve leaves some.
        const beside = (i: number, words: string, below: number) => {
          const width = 6.5 * words.length + 12;
          const y = ys[i] + below;
          if (xs[i] + width <= frame.right) return { x: xs[i] + 12, y, 'text-anchor': 'start' } as const;
          if (xs[i] - width >= frame.left) return { x: xs[i] - 12, y, 'text-anchor': 'end' } as const;
          return { x: frame.left + 8, y: frame.top + 26, 'text-anchor': 'start' } as const;
        };
        const summary = (i: number) => `${bytes(points[i].bytes)} · ${decibel(dbs[i])} dB · ${percent(dbs[i])}`;
        const floatX = frame.x(high);
        const all = t('all {0}: {1}', total, summary(0));
        const suggestion =
          ring < 0 ? '' : t('suggested: {0} of {1} layers, {2}', total - points[ring].n, total, summary(ring));
        return (
          <>
            <text x={0} y={10}>
              {t('output SQNR, dB; higher is better')}
            </text>
            <YTicks frame={frame} values={ticks(y, 4)} text={String} />
            <XTicks frame={frame} values={ticks(x, 4)} text={bytes} />
            <text x={frame.right} y={frame.bottom + 30} text-anchor="end">
              {t('size of the tensors; smaller is better ←')}
            </text>
            <path class="mark-float" d={`M${floatX - 5} ${frame.top + 8}h10l-5 -8z`} />
            <text class="strong-label" x={floatX - 10} y={frame.top + 8} text-anchor="end">
              float32 {bytes(high)}
            </text>
            <path class="line int8 thin" d={linePath(xs, ys)} />
            {xs.map((left, i) => (
              <circle key={points[i].n} class={i === ring ? 'knob int8' : 'ring int8'} cx={left} cy={ys[i]} r={4} />
            ))}
            {ring >= 0 && <circle class="halo" cx={xs[ring]} cy={ys[ring]} r={7.5} />}
            <circle class="chosen" cx={xs[at]} cy={ys[at]} r={10} />
            {ring !== 0 && (
              <text class="note-label" {...beside(0, all, 14)}>
                {all}
              </text>
            )}
            {ring >= 0 && (
              <text class="note-label" {...beside(ring, suggestion, 18)}>
                {suggestion}
              </text>
            )}
          </>
        );
      }}
    </Plot>
  );
}
