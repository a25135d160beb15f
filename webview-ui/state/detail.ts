import { effect, signal } from '@preact/signals';
import type { ErrorDto } from '../../src/protocol/dto';
import type { ActivationDetailDto, ProductDto } from '../../src/protocol/forwardDto';
import type { TensorDetailDto } from '../../src/protocol/tensorDto';
import { host } from '../host';
import { engineMessage, isTranslated, t } from '../l10n';
import { newest } from './newest';
import { firstTensor } from './rows';
import { page, snapshot } from './store';

/** The tensor that the Weights tab and the side view show. */
export const detail = signal<TensorDetailDto | null>(null);
/** The same tensor with one scale, while `detail` has one a row. */
export const perTensorDetail = signal<TensorDetailDto | null>(null);
export const detailError = signal<string>('');

/** The values behind the chosen run-time scale. */
export const activation = signal<ActivationDetailDto | null>(null);

const histogramBins = 64;

/** The product whose scales are shown: the chosen one, else the last, which is a hidden state where there is one. */
export function currentProduct(): ProductDto | undefined {
  const products = snapshot.value?.forward?.products ?? [];
  return products.find((product) => productKey(product) === page.value.product) ?? products.at(-1);
}

export function productKey({ module, weight }: ProductDto): string {
  return `${module} ${weight}`;
}

/** The chosen entry of the product, within its length. */
export function currentIndex(product: ProductDto): number {
  return Math.max(0, Math.min(page.value.cursor, product.scale.length - 1));
}

/** First and last entry of the product that are pooled; the same for one step. */
export function currentRange(product: ProductDto): readonly [number, number] {
  const at = currentIndex(product);
  const end = Math.min(page.value.cursorEnd ?? at, product.scale.length - 1);
  return [Math.min(at, end), Math.max(at, end)];
}

export function followSelection(): void {
  let latest = 0;
  effect(() => {
    const { selection, phase } = snapshot.value ?? {};
    const { scheme } = page.value;
    // An untouched model shows its first weight.
    const id = selection ?? 'm:';
    if (phase !== 'ready') {
      detail.value = null;
      return;
    }
    const mine = ++latest;
    const showFirst = (values: TensorDetailDto) => {
      if (mine === latest) detail.value = values;
    };
    void loadDetail(id, scheme, showFirst).then((result) => {
      if (mine !== latest) return;
      detail.value = typeof result === 'string' ? null : result;
      if (typeof result !== 'string' && scheme === 'per_channel') void loadPerTensor(result.name);
      detailError.value = typeof result === 'string' ? result : '';
    });
  });
}

async function loadPerTensor(name: string): Promise<void> {
  if (perTensorDetail.value?.name === name) return;
  try {
    perTensorDetail.value = await host.call('tensorDetail', { name, scheme: 'per_tensor', bins: histogramBins });
  } catch {
    // The table keeps its dots; the tensor itself says what is wrong with it.
  }
}

/** Of more values than this the histogram is shown before what int8 does is known; below, both are there at once. */
const shownInTwoSteps = 1_000_000;

async function loadDetail(
  id: string,
  scheme: 'per_tensor' | 'per_channel',
  showFirst: (values: TensorDetailDto) => void,
): Promise<TensorDetailDto | string> {
  try {
    const name = id.startsWith('t:') ? id.slice(2) : await firstTensor(id.slice(2));
    if (name === undefined) return t('This module has no tensors of its own.');
    const query = { name, scheme, bins: histogramBins };
    if (detail.peek()?.name !== name) {
      const values = await host.call('tensorDetail', { ...query, only: 'values' });
      if (values.stays !== '') return values;
      if (values.count > shownInTwoSteps) showFirst(values);
    }
    return await host.call('tensorDetail', query);
  } catch (error) {
    const details = (error as { details?: ErrorDto }).details;
    return details === undefined
      ? String(error)
      : isTranslated(details)
        ? engineMessage(details)
        : `${details.message} ${details.hint ?? ''}`;
  }
}

export function followActivation(): void {
  const keep = newest();
  effect(() => {
    const product = currentProduct();
    if (snapshot.value?.tab !== 'forward' || product === undefined || product.scale.length === 0) {
      keep();
      activation.value = null;
      return;
    }
    const { module, weight, call, step } = product;
    const [first, end] = currentRange(product);
    const last = end > first && { last: { call: call[end], step: step[end] } };
    keep(host.call('activation', { module, weight, call: call[first], step: step[first], ...last }), (value) => {
      activation.value = value;
    });
  });
}
