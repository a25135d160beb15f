import { neverAborted } from '../../src/core/abort';
import { numel } from '../../src/core/shape';
import type { FloatTensor } from '../../src/engine/tensor/tensor';
import type { ModelFile, ModuleRecord, PlainValue } from '../../src/formats/types';
import { type Model, modelOf } from '../../src/model/openModel';

/** A module of a model that is built in a test, as `torch.save(model)` would keep it. */
export interface BuiltModule {
  /** `nn.Linear` or a full class name. */
  readonly className: string;
  readonly attributes?: Readonly<Record<string, PlainValue>>;
  readonly parameters?: ReadonlyMap<string, FloatTensor>;
  readonly children?: Readonly<Record<string, BuiltModule>>;
}

/** An open model with these modules; `withRecords` false gives the state dict alone. */
export function builtModel(root: BuiltModule, withRecords = true): Model {
  const tensors: { name: string; tensor: FloatTensor }[] = [];
  const modules = new Map<string, ModuleRecord>();
  const types = new Map<string, string>();
  const add = ({ className, attributes = {}, parameters = new Map(), children = {} }: BuiltModule, path: string) => {
    modules.set(path, { className, attributes, children: Object.keys(children) });
    types.set(path, className.slice(className.lastIndexOf('.') + 1));
    for (const [name, tensor] of parameters) tensors.push({ name: path === '' ? name : `${path}.${name}`, tensor });
    for (const [name, child] of Object.entries(children)) add(child, path === '' ? name : `${path}.${name}`);
  };
  add(root, '');
  const values = new Map(tensors.map(({ name, tensor }) => [name, tensor]));
  const file: ModelFile = {
    format: 'test',
    label: 'test',
    bytes: tensors.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0),
    tensors: tensors.map(({ name, tensor }) => ({
      name,
      tensor: {
        dtype: 'float32',
        shape: tensor.shape,
        strides: [],
        storageOffset: 0,
        storage: { key: name, dtype: 'float32', location: 'cpu', numel: numel(tensor.shape), entry: name },
        requiresGrad: false,
      },
    })),
    metadata: {},
    moduleVersions: new Map(),
    moduleTypes: withRecords ? types : new Map(),
    modules: withRecords ? modules : undefined,
    warnings: [],
    safety: { verdict: 'safe', globals: [] },
    opaque: [],
    readTensor: async ({ storage }) => {
      neverAborted.throwIfAborted();
      const { data } = values.get(storage.key) as FloatTensor;
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    },
  };
  return modelOf(file, 'built.pt');
}
