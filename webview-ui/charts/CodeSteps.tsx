import type { TensorQuantizationDto } from '../../src/protocol/tensorDto';
import { count, minus, significant } from '../format';
import { t } from '../l10n';
import { page } from '../state/store';
import { Title } from '../views/Title';
import { stickPath, ticks } from './axes';
import { type Frame, Plot, XTicks, YTicks } from './Plot';

/** The brushed codes enlarged: float in eighths of a step, int8 only on its grid. This is what shows rounding. */
export function CodeSteps({ quantization }: { readonly quantization: TensorQuantizationDto }) {
  const { floatEighths, codes, scales, scheme } = quantization;
  const { from, to } = page.value.brush;
  const eighths = floatEighths.slice((from + 128) * 8, (to + 129) * 8);
  const wanted = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const counts = wanted.map((code) => codes[code + 128]);
  const x = { min: from - 0.5, max: to + 0.5 };
  const y = { min: 0, max: Math.max(1, ...counts, ...eighths) * 1.1 };
  const every = Math.ceil(wanted.length / 16);
  return (
    <div class="steps">
      <Title note={t('float32 in eighths of a step, int8 only on the grid')}>
        {t('Codes {0} to {1}', minus(from), minus(to))}
      </Title>
      <Plot
        label={t('Codes {0} to {1} in eighths of a quantization step', minus(from), minus(to))}
        height={132}
        x={x}
        y={y}
        margin={[10, 8, 20, 44]}
        table={() => ({
          head: [t('code'), t('count')],
          rows: wanted.map((code, i) => [minus(code), count(counts[i])]),
        })}
        hover={(value) => {
          const code = Math.max(from, Math.min(to, Math.round(value)));
          return { at: code, text: `${t('code')} ${minus(code)}: ${count(codes[code + 128])}` };
        }}
      >
        {(frame) => {
          const xs = wanted.map(frame.x);
          const ys = counts.map((value) => (value === 0 ? Number.NaN : frame.y(value)));
          return (
            <>
              <YTicks frame={frame} values={ticks(y, 2)} text={count} />
              <XTicks frame={frame} values={wanted.filter((code) => code % every === 0)} text={minus} />
              <path class="fill float" d={bars(frame, eighths, from - 0.5)} />
              <path class="stems int8" d={stickPath(xs, ys, frame.bottom)} />
              {wanted.length <= 64 &&
                xs.map((at, i) =>
                  Number.isFinite(ys[i]) ? (
                    <circle key={wanted[i]} class="knob int8" cx={at} cy={ys[i]} r={2.5} />
                  ) : null,
                )}
            </>
          );
        }}
      </Plot>
      <p class="muted bracket-note">
        <svg width="34" height="10" aria-hidden="true">
          <path class="bracket" d="M1 1V9M1 5H33M33 1V9" />
        </svg>{' '}
        {scheme === 'per_tensor'
          ? t('1 step = scale = {0}', significant(scales[0], 5))
          : t('1 step = the scale of its row')}
      </p>
    </div>
  );
}

function bars({ x, y, bottom }: Frame, values: readonly number[], start: number): string {
  let path = '';
  for (const [i, value] of values.entries()) {
    if (value === 0) continue;
    const left = x(start + i / 8);
    const right = x(start + (i + 1) / 8);
    const gap = right - left > 3 ? 0.6 : 0;
    path += `M${left.toFixed(1)} ${bottom}V${y(value).toFixed(1)}H${(right - gap).toFixed(1)}V${bottom}Z`;
  }
  return path;
}
