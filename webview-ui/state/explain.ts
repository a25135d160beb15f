import { effect, signal } from '@preact/signals';
import type { WeightErrorDto } from '../../src/protocol/answersDto';
import type { ErrorDto } from '../../src/protocol/dto';
import type { ExplainedElementDto } from '../../src/protocol/forwardDto';
import { host } from '../host';
import { currentIndex, currentProduct, detail } from './detail';
import { newest } from './newest';
import { errorIsShown, page, snapshot } from './store';

/** One output number of the chosen product at the chosen step, taken apart. */
export const explained = signal<ExplainedElementDto | null>(null);
export const explainFailure = signal('');

export function followExplain(): void {
  const keep = newest();
  effect(() => {
    const product = currentProduct();
    const { explainOpen, explainAt } = page.value;
    if (!explainOpen || snapshot.value?.tab !== 'forward' || product === undefined || product.scale.length === 0)
      return keep();
    const index = currentIndex(product);
    const { module, weight, call, step } = product;
    keep(
      host.call('explain', { module, weight, call: call[index], step: step[index], ...explainAt }),
      (value) => {
        explained.value = value;
        explainFailure.value = '';
      },
      (error) => {
        explainFailure.value = (error as { details?: ErrorDto }).details?.message ?? String(error);
      },
    );
  });
}

/** The error of every row as the model is quantized, for the Error view. */
export const channelErrors = signal<WeightErrorDto | null>(null);

export function followChannelErrors(): void {
  const keep = newest();
  effect(() => {
    const tensor = detail.value;
    const { quantizedSpec } = snapshot.value ?? {};
    if (!errorIsShown() || !tensor?.quantization || quantizedSpec?.dtype !== 'qint8') {
      keep();
      channelErrors.value = null;
      return;
    }
    const perChannel = quantizedSpec.perChannel && tensor.moduleType === 'Linear';
    keep(
      host.call('weightError', { name: tensor.name, scheme: perChannel ? 'per_channel' : 'per_tensor' }),
      (value) => {
        channelErrors.value = value;
      },
    );
  });
}

/** The per-tensor error of every row, for the table of outliers. */
export const weightError = signal<WeightErrorDto | null>(null);

export function followWeightError(): void {
  const keep = newest();
  effect(() => {
    const tensor = detail.value;
    if (tensor?.quantization?.scheme !== 'per_channel') return keep();
    keep(host.call('weightError', { name: tensor.name, scheme: 'per_tensor' }), (value) => {
      weightError.value = value;
    });
  });
}
