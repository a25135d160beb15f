import { effect, signal } from '@preact/signals';
import type { ForwardResultDto } from '../../src/protocol/forwardDto';
import type { TensorImageDto } from '../../src/protocol/tensorDto';
import { host } from '../host';
import { newest } from './newest';
import { page, snapshot } from './store';

/** The chosen output as lines; null while it is fetched. The first one is part of the result. */
export const outputSeries = signal<ForwardResultDto['series'] | null>(null);
export const outputImage = signal<TensorImageDto | null>(null);

/** The chosen output, within those that there are. */
export function currentOutput(forward: ForwardResultDto): number {
  return Math.min(page.value.output, forward.outputs.length - 1);
}

export function followOutputs(): void {
  const newer = newest();
  let shown = '';
  effect(() => {
    const { forward, tab } = snapshot.value ?? {};
    const { outputMode, outputLayer } = page.value;
    if (forward == null || tab !== 'forward') return;
    const output = currentOutput(forward);
    // A snapshot with the same pass in it changes nothing here.
    const { module, seed, engine, inputs, latencyUs } = forward;
    const key = JSON.stringify([module, seed, engine, inputs, latencyUs, output, outputMode, outputLayer]);
    if (key === shown) return;
    shown = key;
    const keep = <T>(store: { value: T | null }, result: Promise<T>) => {
      store.value = null;
      newer(result, (value) => {
        store.value = value;
      });
    };
    if (outputMode === 'heatmap') keep(outputImage, host.call('outputImage', { output, layer: outputLayer }));
    else if (output === 0) {
      newer();
      outputSeries.value = forward.series;
    } else keep(outputSeries, host.call('outputSeries', { output }));
  });
}
