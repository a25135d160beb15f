import type { ComponentChildren } from 'preact';
import type { ForwardResultDto, ProductDto } from '../../src/protocol/forwardDto';
import { shortName, significant } from '../format';
import { t } from '../l10n';
import { bandPath, type Domain, linePath, pushApart, ticks } from './axes';
import { type ChartTable, type Frame, Plot, type Slider, YTicks } from './Plot';

/** Space at the right for the names of the lines and the cursor's values. */
const gutter = 92;
const gutterCharacters = 13;
const leftAxis = 52;

interface PanelProps {
  readonly product: ProductDto;
  readonly index: number;
  /** First and last step whose values are pooled. */
  readonly range: readonly [number, number];
  /** `end` where the cursor spans several steps. */
  onMove(index: number, end?: number): void;
}

/** The chosen product's entry of every call and step on the x axis; a single one becomes a flat line. */
function spread(values: readonly number[], length: number): readonly number[] {
  return values.length === length ? values : Array.from({ length }, () => values[0]);
}

function nearest(length: number): (value: number) => number {
  return (value) => Math.max(0, Math.min(length - 1, Math.round(value)));
}

interface StepPlotProps extends PanelProps {
  readonly title: string;
  readonly label: string;
  readonly height: number;
  readonly y: Domain;
  /** Space above and below. */
  readonly margin: readonly [number, number];
  /** What the panel says of a step. */
  readonly hover: (at: number) => string;
  readonly slider?: Slider;
  readonly children: (frame: Frame) => ComponentChildren;
}

/** A panel over the steps: a click moves the cursor, a drag spans steps, a double click goes back to one. */
function StepPlot({ product, index, onMove, title, margin: [top, bottom], hover, ...rest }: StepPlotProps) {
  const length = product.scale.length;
  const at = nearest(length);
  return (
    <>
      <h3 class="muted">{title}</h3>
      <Plot
        {...rest}
        x={{ min: -0.5, max: Math.max(length - 0.5, 0.5) }}
        margin={[top, gutter, bottom, leftAxis]}
        table={() => scaleTable(product)}
        hover={(value) => ({ at: at(value), text: hover(at(value)) })}
        onPick={(value) => onMove(at(value))}
        onBrush={(from, to) => (from === undefined || to === undefined ? onMove(index) : onMove(at(from), at(to)))}
      />
    </>
  );
}

function Cursor({
  frame,
  index,
  range: [first, last],
}: { readonly frame: Frame } & Pick<PanelProps, 'index' | 'range'>) {
  const { x, top, bottom } = frame;
  return first < last ? (
    <rect class="brush-rect" x={x(first)} y={top - 4} width={x(last) - x(first)} height={bottom - top + 4} />
  ) : (
    <line class="cursor" x1={x(index)} x2={x(index)} y1={top - 4} y2={bottom} />
  );
}

interface GutterText {
  readonly value: number;
  readonly text: string;
  readonly strong?: boolean;
}

/** Names or values beside the right end, each with a short line to where it belongs. */
function Gutter({ frame, texts }: { readonly frame: Frame; readonly texts: readonly GutterText[] }) {
  const exact = texts.map(({ value }) => frame.y(value));
  const placed = pushApart(exact, 13, frame.bottom);
  return (
    <g class="ticks">
      {texts.map(({ text, strong }, i) => (
        <g key={text}>
          <path
            class="leader"
            d={`M${frame.right} ${exact[i].toFixed(1)}L${frame.right + 8} ${placed[i].toFixed(1)}`}
          />
          <text class={strong ? 'strong-label' : ''} x={frame.right + 11} y={placed[i] + 4}>
            {text}
          </text>
        </g>
      ))}
    </g>
  );
}

/** The first step whose input was all zeros, where nothing was measured; −1 where there is none. */
export function zeroStep({ scale, min, max }: ProductDto): number {
  return scale.findIndex((_, i) => min[i] === 0 && max[i] === 0);
}

interface ScaleProps extends PanelProps {
  readonly forward: ForwardResultDto;
  readonly log: boolean;
}

export function ScaleChart(props: ScaleProps) {
  const { forward, product, index, range, log, onMove } = props;
  const [first, last] = range;
  const length = product.scale.length;
  const others = forward.products
    .filter((other) => other !== product && (other.scale.length === length || other.scale.length === 1))
    .slice(0, 8);
  const measured = [product, ...others].flatMap(({ scale }) => scale);
  const low = Math.min(...measured);
  const high = Math.max(...measured);
  const y: Domain = log ? { min: low * 0.85, max: high * 1.2, log } : { min: 0, max: high * 1.06 };
  const zero = zeroStep(product);
  return (
    <StepPlot
      {...props}
      title={t('scale')}
      label={t('Scale of {0} over {1} steps', product.weight, length)}
      height={150}
      y={y}
      margin={[8, 4]}
      hover={(at) => t('step {0}: {1}', product.step[at], significant(product.scale[at], 4))}
      slider={{
        value: index,
        max: length - 1,
        text:
          first < last
            ? t('steps {0} to {1} pooled', product.step[first], product.step[last])
            : t(
                'step {0}, scale {1}, zero point {2}',
                product.step[index],
                significant(product.scale[index], 3),
                product.zeroPoint[index],
              ),
        onChange: (value) => onMove(value),
        onExtend: (by) => {
          const end = index === first ? last : first;
          onMove(index, Math.max(0, Math.min(length - 1, end + by)));
        },
      }}
    >
      {(frame) => {
        const xs = product.scale.map((_, i) => frame.x(i));
        const ends = length === 1 ? [frame.left, frame.right] : [];
        const path = (values: readonly number[]) =>
          length === 1
            ? linePath(ends, [frame.y(values[0]), frame.y(values[0])])
            : linePath(xs, spread(values, length).map(frame.y));
        return (
          <>
            <YTicks frame={frame} values={ticks(y, 4)} text={(value) => axisNumber(value)} />
            {others.map((other) => (
              <path
                key={`${other.module} ${other.weight}`}
                class={other.scale.length === 1 ? 'line other flat' : 'line other'}
                d={path(other.scale)}
              />
            ))}
            <path class="line int8 solid" d={path(product.scale)} />
            {length > 1 &&
              length <= 60 &&
              xs.map((x, i) => <circle key={i} class="knob int8" cx={x} cy={frame.y(product.scale[i])} r={1.8} />)}
            <Cursor frame={frame} index={index} range={range} />
            {zero >= 0 && (
              <>
                <circle class="ring int8" cx={frame.x(zero)} cy={frame.y(product.scale[zero])} r={4} />
                <text class="note-label" x={frame.x(zero) + 9} y={frame.y(product.scale[zero]) + 4}>
                  {t(
                    '{0} at step {1}: the input is all zeros',
                    significant(product.scale[zero], 1),
                    product.step[zero],
                  )}
                </text>
              </>
            )}
            <circle class="ring int8" cx={frame.x(index)} cy={frame.y(product.scale[index])} r={4} />
            <Gutter
              frame={frame}
              texts={[
                { value: product.scale.at(-1) ?? 0, text: shortWeight(product), strong: true },
                ...others.map((other) => ({ value: other.scale.at(-1) ?? 0, text: shortWeight(other) })),
              ]}
            />
          </>
        );
      }}
    </StepPlot>
  );
}

/** 0.05, 0.1, 20: no more digits than the tick has. */
function axisNumber(value: number): string {
  if (value === 0) return '0';
  return significant(value, 6)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}

function shortWeight({ module, weight }: ProductDto): string {
  const name = weight === 'weight' ? (module.split('.').at(-1) ?? weight) : weight.replace(/^weight_/, '');
  return shortName(name, gutterCharacters);
}

function scaleTable(product: ProductDto): ChartTable {
  return {
    head: [
      t('call'),
      t('step'),
      t('min'),
      t('max'),
      t('scale'),
      t('zero point'),
      t('clipped, %'),
      t('16-bit saturation, %'),
    ],
    rows: product.scale.map((scale, i) => [
      String(product.call[i]),
      String(product.step[i]),
      significant(product.min[i], 5),
      significant(product.max[i], 5),
      String(scale),
      String(product.zeroPoint[i]),
      significant(100 * product.clipped[i], 3),
      product.saturated16.length === 0 ? '–' : significant(100 * product.saturated16[i], 3),
    ]),
  };
}

export function BandChart(props: PanelProps) {
  const { product, index, range } = props;
  const length = product.scale.length;
  const low = Math.min(0, ...product.min);
  const high = Math.max(0, ...product.max);
  const y: Domain = { min: low * 1.08 || -0.1, max: high * 1.08 || 0.1 };
  return (
    <StepPlot
      {...props}
      title={t('min, max of {0}', product.input)}
      label={t('Smallest and largest value of {0} over {1} steps', product.input, length)}
      height={80}
      y={y}
      margin={[6, 4]}
      hover={(at) => `${significant(product.min[at], 3)} … ${significant(product.max[at], 3)}`}
    >
      {(frame) => {
        const xs = length === 1 ? [frame.left, frame.right] : product.scale.map((_, i) => frame.x(i));
        const highs = spread(product.max, xs.length).map(frame.y);
        const lows = spread(product.min, xs.length).map(frame.y);
        return (
          <>
            <YTicks frame={frame} values={ticks(y, 2)} text={axisNumber} />
            <path class="band float" d={bandPath(xs, highs, lows)} />
            <path class="line float" d={linePath(xs, highs) + linePath(xs, lows)} />
            <Cursor frame={frame} index={index} range={range} />
            <Gutter
              frame={frame}
              texts={[
                {
                  value: product.max[index],
                  text: `${t('max')} ${significant(product.max[index], 3)}`,
                  strong: true,
                },
                {
                  value: product.min[index],
                  text: `${t('min')} ${significant(product.min[index], 3)}`,
                  strong: true,
                },
              ]}
            />
          </>
        );
      }}
    </StepPlot>
  );
}

interface ZeroPointProps extends PanelProps {
  readonly codeMax: number;
  /** Who chose the scales. */
  readonly engine: string;
}

export function ZeroPointChart(props: ZeroPointProps) {
  const { product, index, range, codeMax, engine } = props;
  const length = product.scale.length;
  const every = ticks({ min: 0, max: length - 1 }, 6).filter(Number.isInteger);
  return (
    <StepPlot
      {...props}
      title={
        codeMax === 127
          ? t('zero point of 0–127, {0} keeps 7 bits', engine)
          : t('zero point of 0–255, {0} uses 8 bits', engine)
      }
      label={t('Zero point over {0} steps', length)}
      height={76}
      y={{ min: 0, max: codeMax }}
      margin={[6, 20]}
      hover={(at) => String(product.zeroPoint[at])}
    >
      {(frame) => (
        <>
          <YTicks frame={frame} values={[0, Math.ceil(codeMax / 2), codeMax]} text={String} />
          <path
            class="line int8 solid"
            d={product.zeroPoint
              .map((value, i) => {
                const left = length === 1 ? frame.left : frame.x(i - 0.5);
                const right = length === 1 ? frame.right : frame.x(i + 0.5);
                return `${i === 0 ? 'M' : 'L'}${left.toFixed(1)} ${frame.y(value).toFixed(1)}H${right.toFixed(1)}`;
              })
              .join('')}
          />
          <Cursor frame={frame} index={index} range={range} />
          <g class="ticks">
            {(length === 1 ? [0] : every)
              .filter((value) => value === index || Math.abs(frame.x(value) - frame.x(index)) > 18)
              .map((value) => (
                <text key={value} x={frame.x(value)} y={frame.bottom + 14} text-anchor="middle">
                  {product.step[value]}
                </text>
              ))}
            <text class="strong-label" x={frame.x(index)} y={frame.bottom + 14} text-anchor="middle">
              {product.step[index]}
            </text>
          </g>
          <Gutter
            frame={frame}
            texts={[{ value: product.zeroPoint[index], text: String(product.zeroPoint[index]), strong: true }]}
          />
        </>
      )}
    </StepPlot>
  );
}
