import type { TensorQuantizationDto } from '../../src/protocol/tensorDto';
import { minus, significant } from '../format';
import { t } from '../l10n';
import { ticks } from './axes';
import { Plot, YTicks } from './Plot';

/** The gate that a row of an LSTM or GRU weight belongs to; they own the rows in equal parts. */
export function gateOf(gates: readonly string[], row: number, rows: number): string {
  return gates[Math.floor((row * gates.length) / rows)] ?? '';
}

/** `row 250 · gate o`. */
export function rowName(gates: readonly string[], row: number, rows: number): string {
  return gates.length === 0 ? String(row) : t('{0} · gate {1}', row, gateOf(gates, row, rows));
}

interface Props {
  readonly quantization: TensorQuantizationDto;
  onPick(row: number): void;
}

/** One bar a row, hanging from the per-tensor scale: the longer, the more per channel gains. */
export function ChannelScales({ quantization, onPick }: Props) {
  const { scales, perTensorScale, gates } = quantization;
  const rows = scales.length;
  const smallest = scales.reduce((best, scale, i) => (scale < scales[best] ? i : best), 0);
  const low = Math.min(scales[smallest], perTensorScale);
  const span = perTensorScale - low || perTensorScale || 1;
  const y = { min: low - span * 0.12, max: perTensorScale + span * 0.1 };
  const exponent = perTensorScale === 0 ? 0 : Math.floor(Math.log10(perTensorScale) / 3) * 3;
  const unit = 10 ** exponent;
  const row = (value: number) => Math.max(0, Math.min(rows - 1, Math.round(value)));
  return (
    <Plot
      label={t('Scale of each of {0} rows', rows)}
      height={172}
      x={{ min: -0.5, max: rows - 0.5 }}
      y={y}
      margin={[22, 8, 20, 44]}
      table={() => ({
        head: [t('row'), t('scale')],
        rows: scales.map((scale, i) => [rowName(gates, i, rows), String(scale)]),
      })}
      hover={(value) => ({
        at: row(value),
        text: `${t('row')} ${rowName(gates, row(value), rows)}: ${significant(scales[row(value)], 4)}`,
      })}
      onPick={(value) => onPick(row(value))}
    >
      {(frame) => {
        const top = frame.y(perTensorScale);
        const width = Math.max(0.7, Math.min(12, ((frame.right - frame.left) / rows) * 0.7));
        const path = scales
          .map((scale, i) => `M${frame.x(i).toFixed(1)} ${top.toFixed(1)}V${frame.y(scale).toFixed(1)}`)
          .join('');
        const ringX = frame.x(smallest);
        const before = ringX > (frame.left + frame.right) / 2;
        return (
          <>
            {exponent !== 0 && (
              <text class="unit" x={frame.left - 38} y={frame.top - 10}>
                10<tspan dy="-4">{minus(exponent)}</tspan>
              </text>
            )}
            <YTicks frame={frame} values={ticks(y, 3)} text={(value) => significant(value / unit, 3)} />
            <g class="ticks">
              {gates.map((gate, i) => (
                <g key={gate}>
                  {i > 0 && (
                    <line
                      class="grid"
                      x1={frame.x((i * rows) / gates.length - 0.5)}
                      x2={frame.x((i * rows) / gates.length - 0.5)}
                      y1={frame.top - 6}
                      y2={frame.bottom}
                    />
                  )}
                  <text x={frame.x(((i + 0.5) * rows) / gates.length)} y={frame.top - 8} text-anchor="middle">
                    {t('gate {0}', gate)}
                  </text>
                </g>
              ))}
              <text x={frame.left} y={frame.bottom + 14}>
                {t('row')} 0
              </text>
              <text x={frame.right} y={frame.bottom + 14} text-anchor="end">
                {rows - 1}
              </text>
            </g>
            <path class="bars int8" d={path} stroke-width={width} />
            <line class="target" x1={frame.left} x2={frame.right} y1={top} y2={top} />
            <text class="strong-label" x={frame.right} y={top - 4} text-anchor="end">
              {t('per tensor {0}', significant(perTensorScale / unit, 5))}
            </text>
            <circle class="ring focus" cx={ringX} cy={frame.y(scales[smallest])} r={4} />
            <text
              class="strong-label"
              x={ringX + (before ? -8 : 8)}
              y={frame.y(scales[smallest]) + 4}
              text-anchor={before ? 'end' : 'start'}
            >
              {t('row {0}: {1}', smallest, significant(scales[smallest] / unit, 5))}
            </text>
          </>
        );
      }}
    </Plot>
  );
}
