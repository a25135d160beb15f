import type { ForwardResultDto, ProductDto } from '../../src/protocol/forwardDto';
import { ActivationChart } from '../charts/ActivationChart';
import { BandChart, ScaleChart, ZeroPointChart, zeroStep } from '../charts/ScaleCharts';
import { count, decibel, significant } from '../format';
import { t } from '../l10n';
import { activation, currentIndex, currentProduct, currentRange, productKey } from '../state/detail';
import { act, page, setPage } from '../state/store';
import { SaveMenu } from './SaveMenu';
import { AxisChoice } from './Segmented';
import { FiguresList, Title } from './Title';

/** Three panels on one axis of steps, and the values behind the chosen one. */
export function RuntimeScales({ forward }: { readonly forward: ForwardResultDto }) {
  const product = currentProduct();
  if (product === undefined) return null;
  const index = currentIndex(product);
  const steps = product.scale.length;
  const range = currentRange(product);
  const zero = zeroStep(product);
  const onMove = (cursor: number, end?: number) => setPage({ cursor, cursorEnd: end ?? null });
  return (
    <section>
      <div class="title-row">
        <Title
          note={`${product.module === '' ? product.weight : `${product.module}.${product.weight}`}, ${
            steps === 1
              ? t('input {0}, one scale a call', product.input)
              : t('input {0} of {1} steps', product.input, steps)
          }`}
        >
          {t('Run-time scales')}
        </Title>
        <span class="spacer" />
        <AxisChoice label={t('Scale axis')} log={page.value.scaleLog} onChange={(log) => setPage({ scaleLog: log })} />
      </div>
      <p class="muted">
        {t(
          'Every time this product runs, its input is measured and gets a scale of its own: this is what dynamic means.',
        )}
      </p>
      {zero >= 0 && (
        <p class="muted">
          {forward.runtime === 'onnx'
            ? t('The input of step {0} is all zeros: nothing to measure, so ONNX Runtime takes the scale 1.', zero)
            : t('The input of step {0} is all zeros: nothing to measure, so PyTorch takes the scale 0.1.', zero)}
        </p>
      )}
      <div class="runtime">
        <div class="panels">
          <ScaleChart
            forward={forward}
            product={product}
            index={index}
            log={page.value.scaleLog}
            range={range}
            onMove={onMove}
          />
          <BandChart product={product} index={index} range={range} onMove={onMove} />
          <ZeroPointChart
            product={product}
            index={index}
            codeMax={forward.codeMax}
            engine={forward.runtime === 'onnx' ? 'ONNX Runtime' : forward.engine}
            range={range}
            onMove={onMove}
          />
        </div>
        <StepPanel product={product} index={index} range={range} />
      </div>
    </section>
  );
}

/** A share, 0 to 1. */
function percentOf(share: number): string {
  return `${(100 * share).toFixed(share === 0 ? 0 : 2)} %`;
}

interface StepProps {
  readonly product: ProductDto;
  readonly index: number;
  readonly range: readonly [number, number];
}

function StepPanel({ product, index, range: [first, last] }: StepProps) {
  const values = activation.value;
  if (first < last) return <PooledPanel product={product} first={first} last={last} />;
  const { module, weight } = product;
  const [call, step] = [product.call[index], product.step[index]];
  const save = (which: 'values' | 'codes') => () =>
    act('saveForward', { kind: 'step', module, weight, call, step, which });
  const figures: readonly (readonly [string, string])[] = [
    [t('scale'), significant(product.scale[index], 6)],
    [t('zero point'), String(product.zeroPoint[index])],
    [t('codes used'), t('{0} of {1}', product.codesUsed[index], values === null ? '…' : values.codeMax + 1)],
    [t('clipped'), percentOf(product.clipped[index])],
    ...(product.saturated16.length === 0
      ? []
      : [[t('16-bit saturation'), percentOf(product.saturated16[index])] as const]),
    ['SQNR', values === null ? '…' : `${decibel(values.sqnrDb)} dB`],
  ];
  return (
    <aside class="step-panel" data-testid="step-panel">
      <div class="title-row">
        <h3>
          {t('Step {0}', step)} <span class="muted">{t('{0} values of {1}', product.count[index], product.input)}</span>
        </h3>
        <span class="spacer" />
        <SaveMenu
          testId="save-step"
          items={[
            { text: t('{0} values', 'float32'), run: save('values') },
            { text: t('{0} codes', 'uint8'), run: save('codes') },
          ]}
        />
      </div>
      {values !== null && (
        <ActivationChart activation={values} label={`${productKey(product)} ${product.step[index]}`} />
      )}
      <FiguresList figures={figures} />
    </aside>
  );
}

/** The values of several steps on one grid, beside the scales that each of them had. */
function PooledPanel({
  product,
  first,
  last,
}: {
  readonly product: ProductDto;
  readonly first: number;
  readonly last: number;
}) {
  const values = activation.value;
  const pooled = values?.pooled;
  if (values === null || pooled === undefined) return <aside class="step-panel" />;
  const [from, to] = [product.step[first], product.step[last]];
  const figures: readonly (readonly [string, string])[] = [
    [t('scales'), `${significant(pooled.lowestScale, 3)} … ${significant(pooled.highestScale, 3)}`],
    [t('zero points'), `${pooled.lowestZeroPoint} … ${pooled.highestZeroPoint}`],
    [t('SQNR, each its own scale'), `${decibel(values.sqnrDb)} dB`],
    [t('SQNR, one scale for all'), `${decibel(pooled.sqnrDb)} dB`],
  ];
  return (
    <aside class="step-panel" data-testid="step-panel">
      <h3>
        {t('Steps {0} to {1}', from, to)}{' '}
        <span class="muted">{t('{0} values of {1}', count(values.count), product.input)}</span>
      </h3>
      <ActivationChart activation={values} label={`${productKey(product)} ${from}–${to}`} />
      <FiguresList figures={figures} />
      <p class="muted">
        {t(
          'Drawn on one grid over all these steps, scale {0}. What ran chose a grid for each.',
          significant(values.scale, 4),
        )}
      </p>
    </aside>
  );
}
