import { effect, signal } from '@preact/signals';
import type { TensorImageDto, ValuesPageDto } from '../../src/protocol/tensorDto';
import { host } from '../host';
import { detail } from './detail';
import { newest } from './newest';
import { page, setPage } from './store';

/** Rows and columns of one page of the values table. */
export const pageRows = 16;
export const pageColumns = 5;

export const valuesPage = signal<ValuesPageDto | null>(null);
export const image = signal<TensorImageDto | null>(null);

/** Shows the table with this element in its first row and column. */
export function goToElement(row: number, column: number): void {
  setPage({ weightsMode: 'table', element: { row, column } });
}

/** Fetches what the chosen mode of the Weights tab shows. */
export function followValues(): void {
  const newer = newest();
  effect(() => {
    const tensor = detail.value;
    const { weightsMode, scheme, layer, element } = page.value;
    if (tensor === null || weightsMode === 'histogram') return newer();
    const keep = <T>(store: { value: T | null }, result: Promise<T>) =>
      newer(result, (value) => {
        store.value = value;
      });
    const { name } = tensor;
    if (weightsMode === 'heatmap') keep(image, host.call('image', { name, scheme, layer }));
    else {
      const { row, column } = element;
      keep(valuesPage, host.call('values', { name, scheme, row, column, rows: pageRows, columns: pageColumns }));
    }
  });
}
