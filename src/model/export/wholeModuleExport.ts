import type { AbortCheck } from '../../core/abort';
import { unsupported } from '../../core/errors';
import { readExactPickle } from '../../formats/pickle/readExact';
import type { ModuleTwin } from '../../formats/torch/moduleTwin';
import { planModuleFile } from '../../formats/torch/writeModule';
import type { ModulePickle, TensorRecord } from '../../formats/types';
import type { ExportRequestDto } from '../../protocol/exportDto';
import { findModule, type Model } from '../openModel';
import { cells, withBias } from '../quantizedFile';
import type { PlannedExport, Quantized } from './exportModel';
import { storageChunks } from './tensorChunks';
import { type PlannedModule, plannedModules } from './torchExport';

/**
 * The modules themselves, as torch.save(quantize_dynamic(model)) writes them: only for a file that
 * holds modules, since a state dict names no classes. What is not quantized is copied as it stands.
 */
export async function wholeModuleFiles(
  model: Model,
  { spec, torchStyle }: ExportRequestDto,
  fileName: string,
  quantized: Quantized | undefined,
  abort: AbortCheck,
): Promise<PlannedExport['files']> {
  const pickle = modulePickle(model);
  if (spec?.halfStorage === true)
    throw refused(model, 'PyTorch has no module that keeps half precision as it is', 'Leave --half-storage away.');
  const planned = quantized === undefined ? [] : plannedModules(model, quantized, false, abort);
  const plan = planModuleFile(
    {
      root: readExactPickle(await pickle.read(), pickle.entry),
      twins: new Map(planned.map((module) => [module.path, twinOf(model, module)])),
      evaluates: spec !== null,
      storage: (key, dtype, numel) => () => storageChunks(model, storageRecord(pickle, key, dtype, numel), abort),
    },
    { archiveName: fileName.replace(/\.[^.]*$/, ''), style: torchStyle, engine: spec?.engine ?? 'fbgemm' },
  );
  return [{ name: fileName, plan }];
}

function modulePickle({ fileName, file }: Model): ModulePickle {
  const { verdict } = file.safety;
  if (verdict === 'dangerous' || verdict === 'suspicious') {
    throw unsupported(
      'E_EXPORT_UNSAFE',
      `The pickle of this file is ${verdict}, and a whole-module file would copy it.`,
      {
        where: { file: fileName },
        hint: 'Export a state dict, which holds tensors only.',
      },
    );
  }
  if (file.modulePickle !== undefined && file.modules?.has('') === true) return file.modulePickle;
  const found =
    file.modules?.has('') === true
      ? 'This file was written before PyTorch 1.6, or is no file of PyTorch’s'
      : `A ${file.label} does not say of which classes its modules are`;
  throw unsupported('E_EXPORT_MODULE', `${found}, so no whole-module file can be made of it.`, {
    where: { file: fileName },
    expected: 'a file of torch.save(model)',
    hint: 'Export a state dict instead.',
  });
}

function storageRecord(pickle: ModulePickle, key: string, dtype: TensorRecord['dtype'], numel: number): TensorRecord {
  const entry = pickle.storageEntry(key);
  const storage = { key, dtype, location: 'cpu', numel, entry };
  return { dtype, shape: [numel], strides: [1], storageOffset: 0, storage, requiresGrad: false };
}

function twinOf(model: Model, { path, replacement }: PlannedModule): ModuleTwin {
  const type = findModule(model, path).kind?.type ?? findModule(model, path).type;
  const { stored, products, table } = replacement;
  if (stored === 'linear' && (type === 'Linear' || type === 'LinearReLU'))
    return { kind: 'linear', fused: type === 'LinearReLU', product: products[0] };
  if (stored === 'recurrent' && (type === 'LSTM' || type === 'GRU'))
    return { kind: 'recurrent', type, cells: cells(products.map(withBias)) };
  if (stored === 'cell' && (type === 'LSTMCell' || type === 'GRUCell' || type === 'RNNCell')) {
    const [input, hidden] = products.map(withBias);
    return { kind: 'cell', type, input, hidden };
  }
  if (stored === 'table' && table !== undefined && (type === 'Embedding' || type === 'EmbeddingBag'))
    return { kind: 'table', type, table };
  throw refused(model, `PyTorch has no dynamic module for ${path || 'the root'}, a ${type}`, `Exclude ${path}.`);
}

function refused({ fileName }: Model, why: string, hint: string) {
  return unsupported('E_EXPORT_MODULE', `No whole-module file can be written: ${why}.`, {
    where: { file: fileName },
    hint,
  });
}
