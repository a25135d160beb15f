import type { AbortCheck } from '../../core/abort';
import { planTorchFile, type StateItem } from '../../formats/torch/write';
import type { ExportRequestDto } from '../../protocol/exportDto';
import type { QuantizedModuleDto } from '../../protocol/quantizeDto';
import { type ModuleNode, packedTensors } from '../moduleTree';
import { findModule, findTensor, type Model, type ModelTensor } from '../openModel';
import { quantizedStateDict, type Replacement, type StateModule, stateModules, storedForm } from '../quantizedFile';
import type { PlannedExport, Quantized } from './exportModel';
import { QuantizedModules } from './quantizedModules';
import { tensorChunks } from './tensorChunks';

/** A state dict as torch.save writes it: float, after quantize_dynamic, or flat for `set_weight_bias`. */
export async function torchFiles(
  model: Model,
  { spec, torchStyle, layout }: ExportRequestDto,
  fileName: string,
  quantized: Quantized | undefined,
  abort: AbortCheck,
): Promise<PlannedExport['files']> {
  const planned = quantized === undefined ? [] : plannedModules(model, quantized, spec?.halfStorage ?? false, abort);
  const replacements = new Map(planned.map(({ path, replacement }) => [path, replacement]));
  const dataOf = (name: string) => () => tensorChunks(model, findTensor(model, name), abort);
  const modules = stateModules(model.root, model.root.path, (node) => replacements.get(node.path), dataOf);
  const state = quantizedStateDict(modules, model.file.moduleVersions);
  const plan = planTorchFile(layout === 'state_dict' ? state : { ...state, items: flatItems(modules, planned) }, {
    archiveName: fileName.replace(/\.[^.]*$/, ''),
    style: torchStyle,
    engine: spec?.engine ?? 'fbgemm',
  });
  return [{ name: fileName, plan }];
}

/** A module of the export: what replaces it, and the names of the weights that its products stand for. */
export interface PlannedModule {
  readonly path: string;
  readonly weights: readonly string[];
  readonly replacement: Replacement;
}

/** Scales are chosen before, since the pickle comes first in the file; codes are made when they are written. */
export function plannedModules(
  model: Model,
  { report, meters }: Quantized,
  halfStorage: boolean,
  abort: AbortCheck,
): PlannedModule[] {
  const modules = new QuantizedModules(model, report.engine, report.modules, abort, meters);
  return report.modules.map((quantized) => ({
    path: quantized.path,
    weights: quantized.weights.map(({ name }) => (quantized.path === '' ? name : `${quantized.path}.${name}`)),
    replacement: replacementOf(findModule(model, quantized.path), quantized, modules, halfStorage),
  }));
}

function replacementOf(
  node: ModuleNode<ModelTensor>,
  { path, weights }: QuantizedModuleDto,
  modules: QuantizedModules,
  halfStorage: boolean,
): Replacement {
  const prefix = path === '' ? '' : `${path}.`;
  const own = (name: string) => packedTensors(node).find((tensor) => tensor.name === `${prefix}${name}`);
  const [first] = weights;
  if (first?.dtype === 'quint8' || first?.dtype === 'quint4x2') {
    const table = {
      dtype: first.dtype,
      shape: own(first.name)?.shape ?? [],
      scales: Float32Array.from(first.scales),
      zeroPoints: Float32Array.from(first.zeroPoints),
      data: () => modules.tableCodes(path),
    };
    return { stored: 'table', products: [], table };
  }
  const half = first?.dtype === 'float16';
  const products = weights.map(({ name, scheme, scales }) => {
    const given = own(name)?.shape ?? [];
    // GPT-2's Conv1D becomes a Linear, whose weight is the other way round.
    const shape = node.kind?.type === 'Conv1D' ? [...given].reverse() : given;
    const bias = own(name.replace('weight', 'bias'));
    return {
      name,
      weight: {
        dtype: half ? (halfStorage ? ('float16' as const) : ('float32' as const)) : ('qint8' as const),
        shape,
        scales,
        perChannel: scheme === 'per_channel',
        data: () => (half ? modules.half(path, name, halfStorage) : modules.codes(path, name)),
      },
      bias: bias && { dtype: 'float32' as const, shape: bias.shape, data: () => modules.bias(path, name) },
    };
  });
  return { stored: half && halfStorage ? 'none' : storedForm(node.kind), products };
}

/**
 * Plain tensors under the float model's names, which `weights_only=True` accepts and the quantized
 * modules' public `set_weight_bias` takes.
 */
function flatItems(modules: readonly StateModule[], quantized: readonly PlannedModule[]): StateItem[] {
  const weights = new Map(
    quantized.flatMap((module) => module.weights.map((name, i) => [name, module.replacement.products[i].weight])),
  );
  return modules.flatMap(({ tensors }) =>
    tensors.map((tensor): StateItem => {
      const weight = weights.get(tensor.source);
      return weight === undefined
        ? { kind: 'tensor', name: tensor.name, tensor }
        : { kind: 'quantizedTensor', name: tensor.name, tensor: weight };
    }),
  );
}
