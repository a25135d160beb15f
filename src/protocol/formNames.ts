import type { QuantizedDType } from './quantizeDto';

/** What people call a dtype of quantize_dynamic: PyTorch's qint8 is int8 to everybody. */
export function formName(dtype: QuantizedDType): string {
  return dtype === 'qint8' ? 'int8' : dtype;
}

/** As the recipe's printed lines write it: `INT8`, `FP16`. */
export function printedForm(form: string): string {
  return form.replace('float', 'fp').toUpperCase();
}
