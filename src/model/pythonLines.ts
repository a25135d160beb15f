import type { QConfigNameDto, QuantizeSpecDto } from '../protocol/quantizeDto';
import { graphPythonLines } from './onnx/graphPythonLines';
import type { Model } from './openModel';
import { planQuantization, refusedByPyTorch } from './quantizePlan';

/** The lines that do the same in PyTorch, or in onnxruntime for a graph: load the file, quantize it with this spec, and how to put the result back. */
export function pythonLines(model: Model, spec: QuantizeSpecDto): string {
  const graph = model.file.onnx?.graph;
  if (graph !== undefined) return graphPythonLines(model, graph, spec);
  const { quantized } = planQuantization(model.root, spec);
  const lines = [
    '# The same in PyTorch.',
    'import torch',
    ...imports(model, spec),
    '',
    `torch.backends.quantized.engine = ${JSON.stringify(spec.engine)}`,
    ...load(model),
    'model.eval()',
    'quantized = torch.ao.quantization.quantize_dynamic(',
    `    model, ${specArgument(model, spec)}, dtype=torch.qint8)`,
    'print(quantized)',
    `torch.save(quantized.state_dict(), ${JSON.stringify(`${model.stem}.int8.pt`)})`,
    '',
    '# To load it again, quantize a new model in the same way first: its modules must be the dynamic ones.',
  ];
  if (quantized.size === 0) lines.splice(1, 0, '# Nothing in this model has a type that quantize_dynamic replaces.');
  return `${lines.join('\n')}\n`;
}

function imports(model: Model, spec: QuantizeSpecDto): string[] {
  const safetensors = model.file.format === 'safetensors' ? ['from safetensors.torch import load_file'] : [];
  const { exclude, perChannel } = spec;
  const names = [
    ...(perChannel ? ['per_channel_dynamic_qconfig'] : []),
    ...(!perChannel && exclude.length > 0 ? ['default_dynamic_qconfig'] : []),
  ];
  return [...safetensors, ...(names.length > 0 ? [`from torch.ao.quantization import ${names.join(', ')}`] : [])];
}

function load(model: Model): string[] {
  const file = JSON.stringify(model.fileName);
  if (model.file.format === 'safetensors')
    return [
      'model = YourModel()  # the class that the file was saved from',
      `model.load_state_dict(load_file(${file}))`,
    ];
  if (model.file.modules !== undefined)
    return [`model = torch.load(${file}, weights_only=False)  # runs code of the file: only for files you trust`];
  const key = model.root.path === '' ? '' : `[${JSON.stringify(model.root.path)}]`;
  return [
    'model = YourModel()  # the class that the file was saved from',
    `model.load_state_dict(torch.load(${file}, weights_only=True)${key})`,
  ];
}

/** A set of types where the whole model follows it, else the paths one by one. */
function specArgument(model: Model, spec: QuantizeSpecDto): string {
  const { quantized } = planQuantization(model.root, spec);
  const named = namedQConfigs(model, spec);
  if (named !== undefined) return `{${named.map(([path, qconfig]) => `${path}: ${qconfig}`).join(', ')}}`;
  const qconfig = spec.perChannel ? 'per_channel_dynamic_qconfig' : 'default_dynamic_qconfig';
  const prefix = model.root.path === '' ? '' : `${model.root.path}.`;
  if (spec.exclude.length > 0) {
    const paths = [...quantized.keys()].map((path) => JSON.stringify(path.slice(prefix.length)));
    return `{${paths.map((path) => `${path}: ${qconfig}`).join(', ')}}`;
  }
  const types = [...new Set([...quantized.values()].map(({ type }) => `torch.${pythonType(type)}`))];
  if (spec.perChannel) return `{${types.map((type) => `${type}: ${qconfig}`).join(', ')}}`;
  return `{${types.join(', ')}}`;
}

/** A class by the name that Python knows it under, below `torch`. */
export function pythonType(type: string): string {
  return type === 'LinearReLU' ? 'ao.nn.intrinsic.LinearReLU' : `nn.${type}`;
}

const pythonNames: Readonly<Record<QConfigNameDto, string>> = {
  default_dynamic: 'default_dynamic_qconfig',
  per_channel_dynamic: 'per_channel_dynamic_qconfig',
  float16_dynamic: 'float16_dynamic_qconfig',
  float_qparams: 'float_qparams_weight_only_qconfig',
  float_qparams_4bit: 'float_qparams_weight_only_qconfig_4bit',
};

/** Paths as Python strings with PyTorch's name of their qconfig, where types alone cannot say the spec. */
export function namedQConfigs(model: Model, spec: QuantizeSpecDto): [path: string, qconfig: string][] | undefined {
  const plain = (name: string) => !/[.*]/.test(name);
  const { quantized, qconfigs } = planQuantization(model.root, spec);
  const refused = new Set<string>();
  for (const [path, { kind }] of quantized) if (kind !== undefined && refusedByPyTorch(kind)) refused.add(path);
  const simple =
    spec.dtype === 'qint8' &&
    (spec.overrides ?? []).length === 0 &&
    (spec.modules ?? []).every(plain) &&
    spec.exclude.every((pattern) => !pattern.includes('*')) &&
    refused.size === 0;
  if (simple) return undefined;
  const prefix = model.root.path === '' ? '' : `${model.root.path}.`;
  return [...qconfigs].flatMap(([path, qconfig]): [string, string][] =>
    refused.has(path) ? [] : [[JSON.stringify(path.slice(prefix.length)), pythonNames[qconfig]]],
  );
}
