import { QuantscopeError } from '../../core/errors';
import type { QuantizedEngine } from '../quantization/engines';
import { type QConfigName, weightForms } from '../quantization/qconfigs';
import type { DynamicModule, QuantizableModule, QuantizableTable, RunnableModule } from './module';

export function isQuantizable(module: RunnableModule): module is QuantizableModule {
  return 'toDynamic' in module;
}

export function isTable(module: RunnableModule): module is QuantizableTable {
  return 'toTable' in module;
}

/**
 * What quantize_dynamic puts in a module's place under this qconfig; undefined for a module that
 * the qconfig does nothing to. Errors say which module and tensor it was.
 */
export function dynamicTwin(
  module: RunnableModule,
  path: string,
  engine: QuantizedEngine,
  qconfig: QConfigName,
): DynamicModule | undefined {
  const form = weightForms[qconfig];
  if (form.kind === 'int8') return isQuantizable(module) ? module.toDynamic(path, engine, form.scheme) : undefined;
  if (form.kind === 'float16') return isQuantizable(module) ? module.toFloat16() : undefined;
  if (!isTable(module)) return undefined;
  try {
    return module.toTable(form.bits);
  } catch (error) {
    if (!(error instanceof QuantscopeError)) throw error;
    const tensor = path === '' ? 'weight' : `${path}.weight`;
    throw new QuantscopeError({ ...error.details, where: { ...error.details.where, tensor } });
  }
}
