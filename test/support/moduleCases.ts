import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { DType } from '../../src/core/dtype';
import type { AttributeValue } from '../../src/engine/nn/attributes';
import { createModule } from '../../src/engine/nn/createModule';
import type { RunnableModule } from '../../src/engine/nn/module';
import type { QConfigName } from '../../src/engine/quantization/qconfigs';
import { type FloatTensor, type Tensor, tensorFromBytes } from '../../src/engine/tensor/tensor';
import { fixturePath } from './fixtures';

/** A tensor of a golden file: base64 of its bytes. */
export interface PackedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: string;
}

export interface PackedModule {
  readonly className: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly parameters: Readonly<Record<string, PackedTensor>>;
  readonly children: Readonly<Record<string, PackedModule>>;
}

/** A module with its inputs and what PyTorch's forward gives. */
export interface ModuleCase {
  readonly name: string;
  /** repr(module). */
  readonly print: string;
  readonly module: PackedModule;
  readonly inputs: readonly (PackedTensor | null)[];
  readonly outputs: readonly PackedTensor[];
}

/** The cases that test/fixtures/modules/generate.py wrote. */
export function moduleCases(file: string): { readonly torch: string; readonly cases: readonly ModuleCase[] } {
  return JSON.parse(gunzipSync(readFileSync(fixturePath('modules', file))).toString('utf8'));
}

export function unpack({ dtype, shape, data }: PackedTensor): Tensor {
  return tensorFromBytes(new Uint8Array(Buffer.from(data, 'base64')), dtype, shape);
}

/** The engine's module; `replace` may give another one for a path. */
export function unpackModule(
  { className, attributes, parameters, children }: PackedModule,
  replace: (path: string, module: RunnableModule) => RunnableModule = (_, module) => module,
  path = '',
): RunnableModule {
  const own = new Map<string, FloatTensor>();
  for (const [name, tensor] of Object.entries(parameters)) {
    if (tensor.dtype === 'float32') own.set(name, unpack(tensor) as FloatTensor);
  }
  const below = Object.entries(children).map(([name, child]): [string, RunnableModule] => [
    name,
    unpackModule(child, replace, path === '' ? name : `${path}.${name}`),
  ]);
  const type = className.slice(className.lastIndexOf('.') + 1);
  return replace(path, createModule(type, new Map(Object.entries(attributes)), own, new Map(below)));
}

/** A module after quantize_dynamic. */
export interface DynamicCase extends Omit<ModuleCase, 'print'> {
  readonly engine: 'fbgemm' | 'onednn' | 'qnnpack';
  readonly qconfig: QConfigName;
  /** repr of the dynamic module. */
  readonly printed: string;
}

/** A model that torch.save(model) kept beside the cases. */
export interface SavedModel {
  readonly name: string;
  readonly inputs: readonly PackedTensor[];
  /** By engine, and `float`. */
  readonly outputs: Readonly<Record<string, PackedTensor>>;
  readonly printed: { readonly float: string; readonly quantized: string };
}

/** What test/fixtures/modules/generate_dynamic.py wrote. */
export function dynamicCases(file: string): {
  readonly cases: readonly DynamicCase[];
  readonly models: readonly SavedModel[];
} {
  return JSON.parse(gunzipSync(readFileSync(fixturePath('modules', file))).toString('utf8'));
}
