import { Fragment } from 'preact';
import type { ForwardResultDto, LatencyDto, ProductDto } from '../../src/protocol/forwardDto';
import { microseconds, significant, visible } from '../format';
import { t } from '../l10n';
import { currentIndex, currentProduct, productKey } from '../state/detail';
import { setPage } from '../state/store';
import { Icon } from './Icon';
import { Heads, Title } from './Title';

/** Every quantized product with its scale at the cursor's step and its line over the steps, and the latency below. */
export function ProductTable({ forward, stale }: { readonly forward: ForwardResultDto; readonly stale: boolean }) {
  const chosen = currentProduct();
  const step = chosen === undefined ? 0 : chosen.step[currentIndex(chosen)];
  const move = (event: KeyboardEvent) => {
    const change = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (change === 0 || chosen === undefined) return;
    event.preventDefault();
    const next = forward.products[forward.products.indexOf(chosen) + change];
    if (next !== undefined) setPage({ product: productKey(next) });
  };
  if (forward.products.length === 0) {
    return (
      <div class={stale ? 'products stale' : 'products'}>
        <div class="product-list">
          <p class="pad muted">{t('Nothing in it is quantized at run time.')}</p>
        </div>
        <Latency forward={forward} />
      </div>
    );
  }
  return (
    <div class={stale ? 'products stale' : 'products'}>
      <div
        class="product-list"
        role="listbox"
        aria-label={t('Quantized products')}
        tabIndex={0}
        onKeyDown={move}
        aria-activedescendant={chosen && `product-${forward.products.indexOf(chosen)}`}
      >
        <div class="tree-head" role="presentation">
          <span class="c-name">{t('Quantized product')}</span>
          <span class="c-scale">{t('Scale, step {0}', step)}</span>
          <span class="c-line">{t('Over steps')}</span>
        </div>
        {forward.products.map((product, i) => (
          <Fragment key={productKey(product)}>
            {forward.products[i - 1]?.module !== product.module && (
              <div class="group" role="presentation">
                {visible(product.module || '(root)')}{' '}
                <span class="muted">{product.module === forward.module ? forward.moduleType : ''}</span>
              </div>
            )}
            <div
              id={`product-${i}`}
              class={product === chosen ? 'product selected' : 'product'}
              role="option"
              aria-selected={product === chosen}
              onClick={() => setPage({ product: productKey(product) })}
            >
              <span class="c-name">{product.weight}</span>
              <span class="c-scale">{significant(product.scale[Math.min(step, product.scale.length - 1)], 4)}</span>
              <span class="c-line">
                <ScaleLine product={product} />
              </span>
            </div>
          </Fragment>
        ))}
      </div>
      <Latency forward={forward} />
    </div>
  );
}

/** A line over the steps; flat and dashed where there is one scale a call. An all-zero first step is left out. */
function ScaleLine({ product }: { readonly product: ProductDto }) {
  const values = product.scale.filter(
    (_, i) => !(i === 0 && product.min[0] === 0 && product.max[0] === 0 && product.scale.length > 1),
  );
  const low = Math.min(...values);
  const high = Math.max(...values);
  const y = (value: number) => (high === low ? 7 : 12 - (10 * (value - low)) / (high - low));
  const points =
    values.length === 1
      ? `0,7 84,7`
      : values.map((value, i) => `${(84 * i) / (values.length - 1)},${y(value).toFixed(1)}`).join(' ');
  return (
    <svg width="84" height="14" viewBox="0 0 84 14" aria-hidden="true">
      <polyline class={values.length === 1 ? 'scale-line-svg flat' : 'scale-line-svg'} points={points} />
    </svg>
  );
}

/** Closer than this, two measurements of one machine say the same. */
const sameLatency = 0.95;

function Latency({ forward }: { readonly forward: ForwardResultDto }) {
  const { form } = forward;
  const { float, quantized, ratio } = forward.latencyUs;
  const rows: readonly (readonly [string, LatencyDto])[] = [
    ['float32', float],
    [form, quantized],
  ];
  return (
    <div class="latency">
      <Title
        note={t('{0} thread, {1} warm-up, {2} runs', float.threads, float.warmup, Math.min(float.runs, quantized.runs))}
      >
        {t('Latency')}
      </Title>
      <table>
        <Heads names={['', t('median'), 'p95']} />
        <tbody>
          {rows.map(([name, latency]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{microseconds(latency.median)}</td>
              <td>{microseconds(latency.p95)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {ratio < sameLatency && (
        <p>
          <Icon name="warning" kind="warning" />{' '}
          <b>{t('{0} is {1} times slower here.', form, (1 / ratio).toFixed(1))}</b>{' '}
          <span class="muted">
            {forward.runtime === 'onnx'
              ? t('These are the kernels of ONNX Runtime’s WebAssembly build.')
              : form === 'float16'
                ? t('Half precision makes weights smaller; the products run in float32 all the same.')
                : t(
                    'Measuring and rounding each input costs more than the smaller product saves. These are Quantscope’s own kernels, not PyTorch’s.',
                  )}
          </span>
        </p>
      )}
    </div>
  );
}
