import { useMemo } from 'preact/hooks';
import uPlot from 'uplot';
import type { TensorDetailDto, TensorQuantizationDto } from '../../src/protocol/dto';
import { count, significant } from '../format';
import { t } from '../l10n';
import { axis, Chart } from './Chart';
import { overlay } from './plugins';
import { type ChartTheme, withAlpha } from './theme';

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

/** Float as filled steps; int8 as dashed steps on top, on the axis of its codes. */
export function WeightHistogram({ tensor, log, height, bare = false }: Props) {
  const { quantization } = tensor;
  const bins = useMemo(() => (quantization === null ? plainBins(tensor) : codeBins(quantization)), [tensor]);
  const options = useMemo(() => (theme: ChartTheme) => histogramOptions(theme, bins, log, bare), [bins, log, bare]);
  const label = t(
    'Histogram of {0}: {1} values from {2} to {3}',
    tensor.name,
    count(tensor.count),
    significant(tensor.min, 3),
    significant(tensor.max, 3),
  );
  return <Chart label={label} height={height} data={bins.data} options={options} table={() => bins.table} />;
}

interface Bins {
  readonly data: uPlot.AlignedData;
  /** Value of one unit of x. */
  readonly unit: number;
  readonly codes: boolean;
  readonly table: { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };
}

function codeBins({ floatEighths, codes, scales, scheme }: TensorQuantizationDto): Bins {
  const width = codesPerBin(codes);
  const xs: number[] = [];
  const float: number[] = [];
  const int8: number[] = [];
  const rows: string[][] = [];
  for (let start = 0; start < 256; start += width) {
    const floats = floatEighths.slice(start * 8, (start + width) * 8).reduce((sum, value) => sum + value, 0);
    const ints = codes.slice(start, start + width).reduce((sum, value) => sum + value, 0);
    xs.push(start - 128.5);
    float.push(floats);
    int8.push(ints);
    rows.push([`${start - 128} … ${start - 129 + width}`.replace(/-/g, '−'), count(floats), count(ints)]);
  }
  // Steps need a last edge.
  xs.push(127.5);
  float.push(float.at(-1) ?? 0);
  int8.push(int8.at(-1) ?? 0);
  return {
    data: [xs, float, int8],
    unit: scheme === 'per_tensor' ? scales[0] : 0,
    codes: true,
    table: { head: ['codes', 'float32', 'int8'], rows },
  };
}

function plainBins({ histogram }: TensorDetailDto): Bins {
  const { edges, counts } = histogram;
  const rows = counts.map((value, i) => [
    `${significant(edges[i], 4)} … ${significant(edges[i + 1], 4)}`,
    count(value),
  ]);
  return {
    data: [[...edges], [...counts, counts.at(-1) ?? 0]],
    unit: 1,
    codes: false,
    table: { head: ['values', 'count'], rows },
  };
}

function histogramOptions(
  theme: ChartTheme,
  { data, unit, codes }: Bins,
  log: boolean,
  bare: boolean,
): Omit<uPlot.Options, 'width' | 'height'> {
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const range = (_: uPlot, __: number | null, max: number | null): [number, number] =>
    log ? [0.7, Math.max(2, (max ?? 1) * 1.3)] : [0, Math.max(1, (max ?? 1) * 1.06)];
  const xs = data[0];
  const values = (_: uPlot, splits: number[]) =>
    splits.map((value) => (codes && unit === 0 ? significant(value, 3) : significant(value * unit, 2)));
  return {
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: true } },
    padding: codes ? [bare ? 4 : 24, 8, 0, 0] : [8, 8, 0, 0],
    scales: {
      x: { time: false, range: (_, min, max) => (min === xs[0] && max === xs.at(-1) ? [min, max] : [min, max]) },
      y: { distr: log ? 3 : 1, range },
    },
    axes: bare
      ? [axis(theme, { show: false }), axis(theme, { show: false })]
      : [
          codes
            ? axis(theme, { values, splits: () => valueSplits(unit || 1, xs), grid: { stroke: theme.grid, width: 1 } })
            : axis(theme, { values }),
          axis(theme, { size: 44, values: (_, splits) => splits.map((value) => (value === null ? '' : count(value))) }),
        ],
    series: [
      {},
      { stroke: theme.float, width: 1.25, fill: withAlpha(theme.float, 0.4), paths: stepped, points: { show: false } },
      ...(codes ? [{ stroke: theme.int8, width: 1.75, dash: [5, 5], paths: stepped, points: { show: false } }] : []),
    ],
    plugins: codes ? [codeGrid(theme, bare)] : [],
  };
}

/** Ticks of the value axis at round values, in units of codes. */
function valueSplits(unit: number, xs: ArrayLike<number>): number[] {
  const span = (xs[xs.length - 1] - xs[0]) * unit;
  const raw = span / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw) ?? raw;
  const splits: number[] = [];
  for (let value = Math.ceil((xs[0] * unit) / step) * step; value <= xs[xs.length - 1] * unit; value += step)
    splits.push(value / unit);
  return splits;
}

/** The int8 grid above the bars: each 4th code a tick, each 32nd a long one with its number. */
function codeGrid(theme: ChartTheme, bare: boolean): uPlot.Plugin {
  return overlay((plot, context, ratio) => {
    context.save();
    context.strokeStyle = theme.int8;
    context.fillStyle = theme.muted;
    context.lineWidth = ratio;
    context.font = theme.font.replace(/^[\d.]+px/, `${11 * ratio}px`);
    context.textAlign = 'center';
    const base = plot.bbox.top + (bare ? plot.bbox.height : 0);
    for (let code = -128; code <= 127; code += bare ? 16 : 4) {
      const x = Math.round(plot.valToPos(code, 'x', true)) + 0.5;
      if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) continue;
      const long = code % 32 === 0;
      context.beginPath();
      context.moveTo(x, base);
      context.lineTo(x, base - (long ? 6 : 3) * ratio);
      context.stroke();
      if (long && !bare && (code % 64 === 0 || code === -128)) {
        const text = code === -128 ? 'code −128' : String(code).replace('-', '−');
        context.textAlign = code === -128 ? 'left' : 'center';
        context.fillText(text, x, base - 9 * ratio);
      }
    }
    if (!bare) {
      context.textAlign = 'right';
      context.fillText('127', plot.bbox.left + plot.bbox.width, base - 9 * ratio);
    }
    context.restore();
  });
}
