import type { TensorDetailDto, TensorQuantizationDto } from '../../src/protocol/tensorDto';
import { count, minus, significant } from '../format';
import { t } from '../l10n';
import { page, setPage } from '../state/store';
import { type Domain, stepPath, ticks } from './axes';
import { type Frame, Plot, XTicks, YTicks } from './Plot';

interface Props {
  readonly tensor: TensorDetailDto;
  readonly log: boolean;
  readonly height: number;
  /** Without axis labels, for the side bar. */
  readonly bare?: boolean;
}

/** Codes in one bin: a power of two, so that 256 codes make whole bins and int8 has no moiré. */
function codesPerBin(codes: readonly number[]): number {
  const used = codes.reduce((sum, value) => sum + value, 0);
  return used > 4096 ? 4 : 8;
}

interface Bins {
  /** In codes where the tensor is quantized, else in values. */
  readonly edges: readonly number[];
  readonly float: readonly number[];
  readonly int8: readonly number[];
}

function codeBins({ floatEighths, codes }: TensorQuantizationDto): Bins {
  const width = codesPerBin(codes);
  const starts = Array.from({ length: 256 / width }, (_, i) => i * width);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    edges: [...starts.map((start) => start - 128.5), 127.5],
    float: starts.map((start) => sum(floatEighths.slice(start * 8, (start + width) * 8))),
    int8: starts.map((start) => sum(codes.slice(start, start + width))),
  };
}

/** Float as filled steps; int8 as dashed steps on top, on the axis of its codes. */
export function WeightHistogram({ tensor, log, height, bare = false }: Props) {
  const { quantization, histogram } = tensor;
  const bins =
    quantization === null ? { edges: histogram.edges, float: histogram.counts, int8: [] } : codeBins(quantization);
  if (bins.float.length === 0) return <p class="muted">{t('No finite value to draw.')}</p>;
  const top = Math.max(...bins.float, ...bins.int8, 1);
  const x: Domain = { min: bins.edges[0], max: bins.edges.at(-1) ?? 1 };
  const y: Domain = log ? { min: 0.7, max: top * 1.3, log } : { min: 0, max: top * 1.06 };
  const unit = quantization === null ? 1 : quantization.scheme === 'per_tensor' ? quantization.scales[0] : 0;
  const bin = (value: number) =>
    Math.max(0, Math.min(bins.float.length - 1, bins.edges.findIndex((edge) => edge > value) - 1));
  const range = (i: number) =>
    quantization === null
      ? `${significant(bins.edges[i], 4)} … ${significant(bins.edges[i + 1], 4)}`
      : codeRange(bins.edges[i] + 0.5, bins.edges[i + 1] - 0.5);
  const { brush } = page.value;
  const size = brush.to - brush.from;
  return (
    <Plot
      label={t(
        'Histogram of {0}: {1} values from {2} to {3}',
        tensor.name,
        count(tensor.count),
        significant(tensor.min, 3),
        significant(tensor.max, 3),
      )}
      height={height}
      x={x}
      y={y}
      margin={bare ? [4, 1, 8, 1] : quantization === null ? [8, 8, 20, 44] : [26, 8, 20, 44]}
      table={() => ({
        head: quantization === null ? [t('values'), t('count')] : [t('codes'), 'float32', 'int8'],
        rows: bins.float.map((value, i) => [
          range(i),
          count(value),
          ...(bins.int8.length > 0 ? [count(bins.int8[i])] : []),
        ]),
      })}
      hover={(value) => {
        const i = bin(value);
        const counts =
          quantization === null
            ? count(bins.float[i])
            : `float32 ${count(bins.float[i])} · int8 ${count(bins.int8[i])}`;
        return { at: (bins.edges[i] + bins.edges[i + 1]) / 2, text: `${range(i)}: ${counts}` };
      }}
      onBrush={quantization === null || bare ? undefined : (from, to) => setBrush(from, to)}
      slider={
        quantization === null || bare
          ? undefined
          : {
              value: brush.from,
              min: -128,
              max: 127 - size,
              text: t('codes {0} to {1}', brush.from, brush.to),
              onChange: (from) => setPage({ brush: { from, to: from + size } }),
            }
      }
    >
      {(frame) => {
        const floor = log ? frame.bottom : frame.y(0);
        const heights = (values: readonly number[]) => values.map((value) => (value === 0 ? floor : frame.y(value)));
        const edges = bins.edges.map(frame.x);
        return (
          <>
            {!bare && <YTicks frame={frame} values={ticks(y, 4)} text={count} />}
            {!bare && unit > 0 && (
              <XTicks
                frame={frame}
                values={ticks({ min: x.min * unit, max: x.max * unit }, 5).map((value) => value / unit)}
                text={(value) => axisValue(value * unit, (x.max - x.min) * unit)}
                grid
              />
            )}
            <path class="area float" d={stepPath(edges, heights(bins.float), floor)} />
            {bins.int8.length > 0 && <path class="outline int8" d={stepPath(edges, heights(bins.int8))} />}
            {quantization !== null && <CodeGrid frame={frame} bare={bare} />}
            {quantization !== null && !bare && (
              <rect
                class="brush-rect"
                x={frame.x(brush.from - 0.5)}
                width={Math.max(1, frame.x(brush.to + 0.5) - frame.x(brush.from - 0.5))}
                y={frame.top}
                height={frame.bottom - frame.top}
              />
            )}
          </>
        );
      }}
    </Plot>
  );
}

const defaultBrush = { from: -5, to: 6 };

/** Whole codes, at least two of them. */
function setBrush(from?: number, to?: number): void {
  if (from === undefined || to === undefined) setPage({ brush: defaultBrush });
  else {
    const low = Math.max(-128, Math.min(126, Math.round(from)));
    setPage({ brush: { from: low, to: Math.max(low + 1, Math.min(127, Math.round(to))) } });
  }
}

function codeRange(from: number, to: number): string {
  return minus(`${from} … ${to}`);
}

/** As many decimals as the axis needs, the same for every label. */
export function axisValue(value: number, span: number): string {
  const decimals = Math.max(0, Math.min(8, Math.ceil(-Math.log10(span / 4))));
  return minus(value.toFixed(decimals)).replace(/^−(0\.?0*)$/, '$1');
}

/** The int8 grid above the bars: each 4th code a tick, each 32nd a long one, some with their number. */
function CodeGrid({ frame, bare }: { readonly frame: Frame; readonly bare: boolean }) {
  const base = bare ? frame.bottom + 7 : frame.top - 2;
  const codes = Array.from({ length: bare ? 17 : 65 }, (_, i) => Math.min(127, -128 + i * (bare ? 16 : 4)));
  const path = codes.map((code) => `M${frame.x(code).toFixed(1)} ${base}v${code % 32 === 0 ? -6 : -3}`).join('');
  return (
    <g class="ticks">
      <path class="code-ticks" d={path} />
      {!bare &&
        [-128, -64, 0, 64, 127].map((code) => (
          <text
            key={code}
            x={frame.x(code)}
            y={base - 10}
            text-anchor={code === -128 ? 'start' : code === 127 ? 'end' : 'middle'}
          >
            {code === -128 ? `${t('code')} −128` : minus(code)}
          </text>
        ))}
    </g>
  );
}
