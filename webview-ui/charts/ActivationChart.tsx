import type { ActivationDetailDto } from '../../src/protocol/forwardDto';
import { count, significant } from '../format';
import { t } from '../l10n';
import { stickPath } from './axes';
import { Plot, YTicks } from './Plot';

interface Props {
  readonly activation: ActivationDetailDto;
  readonly label: string;
}

/** One step's values as ticks above, the codes they became as sticks below. */
export function ActivationChart({ activation, label }: Props) {
  const { values, codes, codeMax, scale, zeroPoint, min, max } = activation;
  // A value at the edge may round to one code more than the range has.
  const last = codes[codeMax + 1] > 0 ? codeMax + 1 : codeMax;
  const used = codes.map((value, code) => ({ code, value })).filter(({ value }) => value > 0);
  const top = Math.max(1, ...used.map(({ value }) => value));
  const x = { min: -codeMax * 0.02, max: last + codeMax * 0.02 };
  const onAxis = (value: number) => value / scale + zeroPoint;
  return (
    <>
      <Plot
        label={t('Values and uint8 codes of {0}', label)}
        height={168}
        x={x}
        y={{ min: 0, max: top }}
        margin={[34, 4, 20, 22]}
        table={() => ({
          head: [t('code'), t('value'), t('count')],
          rows: used.map(({ code, value }) => [String(code), significant((code - zeroPoint) * scale, 4), count(value)]),
        })}
        hover={(value) => {
          const code = Math.max(0, Math.min(last, Math.round(value)));
          return {
            at: code,
            text: `${t('code')} ${code} = ${significant((code - zeroPoint) * scale, 3)}: ${count(codes[code])}`,
          };
        }}
      >
        {(frame) => (
          <>
            <YTicks frame={frame} values={[top]} text={count} />
            <path
              class="value-ticks"
              d={values.map((value) => `M${frame.x(onAxis(value)).toFixed(1)} ${frame.top - 4}v-8`).join('')}
            />
            <line
              class="zero dashed"
              x1={frame.x(zeroPoint)}
              x2={frame.x(zeroPoint)}
              y1={frame.top - 4}
              y2={frame.bottom}
            />
            <path
              class="stems int8 solid"
              d={stickPath(
                used.map(({ code }) => frame.x(code)),
                used.map(({ value }) => frame.y(value)),
                frame.bottom,
              )}
            />
            <line class="zero" x1={frame.left} x2={frame.right} y1={frame.bottom} y2={frame.bottom} />
            <g class="ticks">
              {max > min && (
                <>
                  <text x={frame.x(onAxis(min))} y={frame.top - 18}>
                    {significant(min, 3)}
                  </text>
                  <text x={frame.x(onAxis(max))} y={frame.top - 18} text-anchor="end">
                    {significant(max, 3)}
                  </text>
                </>
              )}
              {[0, Math.ceil(codeMax / 2), codeMax].map((code) => (
                <text
                  key={code}
                  x={frame.x(code)}
                  y={frame.bottom + 14}
                  text-anchor={code === 0 ? 'start' : code === codeMax ? 'end' : 'middle'}
                >
                  {code}
                </text>
              ))}
            </g>
          </>
        )}
      </Plot>
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
