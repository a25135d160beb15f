import type { ForwardResultDto, ProductDto } from '../../src/protocol/forwardDto';
import { ActivationChart } from '../charts/ActivationChart';
import { BandChart, ScaleChart, ZeroPointChart } from '../charts/ScaleCharts';
import { decibel, significant } from '../format';
import { t } from '../l10n';
import { activation, currentIndex, currentProduct, productKey } from '../state/detail';
import { page, setPage } from '../state/store';
import { Segmented } from './Segmented';

/** Three panels on one axis of steps, and the values behind the chosen one. */
export function RuntimeScales({ forward }: { readonly forward: ForwardResultDto }) {
  const product = currentProduct();
  if (product === undefined) return null;
  const index = currentIndex(product);
  const steps = product.scale.length;
  return (
    <section>
      <div class="title-row">
        <h2>
          {t('Run-time scales')}{' '}
          <span class="muted">
            {product.module === '' ? product.weight : `${product.module}.${product.weight}`},{' '}
            {steps === 1
              ? t('input {0}, one scale a call', product.input)
              : t('input {0} of {1} steps', product.input, steps)}
          </span>
        </h2>
        <span class="spacer" />
        <Segmented
          label={t('Scale axis')}
          options={[
            ['log', t('Log')],
            ['linear', t('Linear')],
          ]}
          value={page.value.scaleLog ? 'log' : 'linear'}
          onChange={(value) => setPage({ scaleLog: value === 'log' })}
        />
      </div>
      {zeroStep(product) && (
        <p class="muted">
          {t(
            'The input of step {0} is all zeros: nothing to measure, so PyTorch takes the scale 0.1.',
            zeroIndex(product),
          )}
        </p>
      )}
      <div class="runtime">
        <div class="panels">
          <ScaleChart
            forward={forward}
            product={product}
            index={index}
            log={page.value.scaleLog}
            onMove={(cursor) => setPage({ cursor })}
          />
          <BandChart product={product} index={index} onMove={(cursor) => setPage({ cursor })} />
          <ZeroPointChart
            product={product}
            index={index}
            codeMax={forward.codeMax}
            engine={forward.engine}
            onMove={(cursor) => setPage({ cursor })}
          />
        </div>
        <StepPanel product={product} index={index} />
      </div>
    </section>
  );
}

function zeroIndex(product: ProductDto): number {
  return product.scale.findIndex((_, i) => product.min[i] === 0 && product.max[i] === 0);
}

function zeroStep(product: ProductDto): boolean {
  return zeroIndex(product) >= 0;
}

/** A share, 0 to 1. */
function percentOf(share: number): string {
  return `${(100 * share).toFixed(share === 0 ? 0 : 2)} %`;
}

function StepPanel({ product, index }: { readonly product: ProductDto; readonly index: number }) {
  const values = activation.value;
  const figures: readonly (readonly [string, string])[] = [
    [t('scale'), significant(product.scale[index], 6)],
    [t('zero point'), String(product.zeroPoint[index])],
    [t('codes used'), t('{0} of {1}', product.codesUsed[index], values === null ? '…' : values.codeMax + 1)],
    [t('clipped'), percentOf(product.clipped[index])],
    [t('16-bit saturation'), percentOf(product.saturated16[index])],
    ['SQNR', values === null ? '…' : `${decibel(values.sqnrDb)} dB`],
  ];
  return (
    <aside class="step-panel" data-testid="step-panel">
      <h3>
        {t('Step {0}', product.step[index])}{' '}
        <span class="muted">{t('{0} values of {1}', product.count[index], product.input)}</span>
      </h3>
      {values !== null && (
        <ActivationChart activation={values} label={`${productKey(product)} ${product.step[index]}`} />
      )}
      <dl class="figures-list">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </aside>
  );
}
