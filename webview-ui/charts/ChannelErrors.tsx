import type { WeightErrorDto } from '../../src/protocol/answersDto';
import { count, decibel, significant } from '../format';
import { t } from '../l10n';
import { goToElement } from '../state/values';
import { stickPath, ticks } from './axes';
import { Plot, XTicks, YTicks } from './Plot';

/** Error of every row as a stick; the worst one is ringed and named. */
export function ChannelErrors({ error }: { readonly error: WeightErrorDto }) {
  const { rmse, sqnrDb, maxAbsError } = error.channels;
  const worst = rmse.reduce((best, value, i) => (value > rmse[best] ? i : best), 0);
  const x = { min: -0.5, max: rmse.length - 0.5 };
  const y = { min: 0, max: (rmse[worst] || 1) * 1.15 };
  const at = (value: number) => Math.max(0, Math.min(rmse.length - 1, Math.round(value)));
  return (
    <Plot
      label={t('RMSE of each of {0} rows', count(rmse.length))}
      height={130}
      x={x}
      y={y}
      margin={[18, 12, 20, 56]}
      hover={(value) => ({
        at: at(value),
        text: t('row {0}: RMSE {1}, {2} dB', at(value), significant(rmse[at(value)], 3), decibel(sqnrDb[at(value)])),
      })}
      onPick={(value) => goToElement(at(value), 0)}
      table={() => ({
        head: [t('row'), 'RMSE', t('max |error|'), 'SQNR, dB'],
        rows: rmse.map((value, i) => [
          String(i),
          significant(value, 4),
          significant(maxAbsError[i], 4),
          decibel(sqnrDb[i]),
        ]),
      })}
    >
      {(frame) => (
        <>
          <YTicks frame={frame} values={ticks(y, 3)} text={(value) => significant(value, 2)} />
          <XTicks frame={frame} values={rmse.length > 1 ? [0, rmse.length - 1] : [0]} text={String} />
          <path
            class="bars int8"
            d={stickPath(
              rmse.map((_, i) => frame.x(i)),
              rmse.map(frame.y),
              frame.bottom,
            )}
          />
          <circle class="ring focus" cx={frame.x(worst)} cy={frame.y(rmse[worst])} r={4} />
          <text
            class="note-label"
            x={frame.x(worst) + (worst > rmse.length / 2 ? -9 : 9)}
            y={frame.y(rmse[worst]) - 2}
            text-anchor={worst > rmse.length / 2 ? 'end' : 'start'}
          >
            {t('row {0}: {1} dB', worst, decibel(sqnrDb[worst]))}
          </text>
        </>
      )}
    </Plot>
  );
}
