import type { DynamicModule } from '../engine/nn/module';

/** What the dynamic modules of a pass are: `int8`, `float16`, or several joined where they differ. */
export function twinForms(twins: Iterable<DynamicModule>): string {
  const forms = new Set([...twins].map(formOf));
  // Modules that were quantized before they were saved have no twin; they are int8.
  return forms.size === 0 ? 'int8' : [...forms].join(' + ');
}

function formOf({ products, table, halves }: DynamicModule): string {
  if (table !== undefined) return table.bits === 8 ? 'quint8' : 'quint4x2';
  return halves !== undefined && products.length === 0 ? 'float16' : 'int8';
}
