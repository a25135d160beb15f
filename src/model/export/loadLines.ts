import type { ExportRequestDto } from '../../protocol/exportDto';
import type { QuantizeSpecDto } from '../../protocol/quantizeDto';
import type { ModuleKind } from '../moduleKind';
import type { Model } from '../openModel';
import { namedQConfigs, pythonType } from '../pythonLines';
import { planQuantization } from '../quantizePlan';
import type { ModelRequest } from './exportModel';

/**
 * Python lines that load an export, ready to paste; of several files the first is the one to open. `model` stands for the float model that the
 * reader builds: a state dict has no code. The same lines are what our own tests run.
 */
export function loadLines(model: Model, request: ModelRequest, fileNames: readonly string[]): string {
  const file = JSON.stringify(fileNames[0]);
  switch (request.format) {
    case 'torch':
      return torchLines(model, request, file);
    case 'safetensors':
      return [...safetensorsLines(fileNames), ...(request.spec === null ? [] : valueLines('.float()'))].join('\n');
    case 'npz':
      return [
        'import numpy',
        `tensors = dict(numpy.load(${file}))`,
        ...(request.spec === null ? [] : valueLines('.astype("float32")')),
      ].join('\n');
    case 'gguf':
      return ['from gguf import GGUFReader', `reader = GGUFReader(${file})`].join('\n');
    case 'onnx':
      return [
        'import onnxruntime',
        `session = onnxruntime.InferenceSession(${file})`,
        `# inputs of ${model.stem}: [(i.name, i.shape) for i in session.get_inputs()]`,
      ].join('\n');
  }
}

/** Shards are all in one folder, and the index beside them says which tensor is in which. */
function safetensorsLines(fileNames: readonly string[]): string[] {
  const index = fileNames.find((name) => name.endsWith('.index.json'));
  if (index === undefined)
    return ['from safetensors.torch import load_file', `tensors = load_file(${JSON.stringify(fileNames[0])})`];
  return [
    'import json',
    'from safetensors.torch import load_file',
    `shards = set(json.load(open(${JSON.stringify(index)}))["weight_map"].values())`,
    'tensors = {name: tensor for shard in shards for name, tensor in load_file(shard).items()}',
  ];
}

function torchLines(model: Model, request: ExportRequestDto, file: string): string {
  const { spec, layout } = request;
  if (layout === 'whole_module') return wholeLines(model, request, file);
  if (spec === null || isHalved(request)) return floatLines(file);
  return layout === 'set_weight_bias' ? flatLines(model, spec, file) : quantizedLines(model, spec, file);
}

/** Half precision in a plain state dict: PyTorch widens it while it loads. */
function isHalved({ spec }: ExportRequestDto): boolean {
  return spec?.dtype === 'float16' && spec.halfStorage === true && (spec.overrides ?? []).length === 0;
}

function floatLines(file: string): string {
  return ['import torch', '# model = ... the float model', `model.load_state_dict(torch.load(${file}))`].join('\n');
}

/** The modules come with the file; their classes do not. */
function wholeLines({ file: { modules } }: Model, { spec }: ExportRequestDto, file: string): string {
  const foreign = new Set([...(modules ?? new Map()).values()].map(({ className }) => className).filter(isForeign));
  return [
    'import torch',
    ...(foreign.size === 0 ? [] : [`# needs the classes ${[...foreign].sort().join(', ')}`]),
    ...(spec === null ? [] : [`torch.backends.quantized.engine = ${JSON.stringify(spec.engine)}`]),
    '# runs code of the file: it was made from yours, with nothing added',
    `model = torch.load(${file}, weights_only=False)`,
  ].join('\n');
}

function isForeign(className: string): boolean {
  return !className.startsWith('torch.');
}

/** The skeleton is quantized with the same spec, then takes the saved weights. */
function skeletonLines(model: Model, spec: QuantizeSpecDto): string[] {
  const types = (spec.modules ?? ['LSTM', 'GRU', 'Linear', 'LSTMCell', 'GRUCell', 'RNNCell']).map((type) =>
    type === 'LinearReLU' ? `torch.${pythonType(type)}` : `nn.${type}`,
  );
  const named = namedQConfigs(model, spec);
  const dictionary = named?.map(([path, qconfig]) => `${path}: quantization.${qconfig}`).join(', ');
  return [
    'import torch',
    'from torch import nn',
    'from torch.ao import quantization',
    `torch.backends.quantized.engine = ${JSON.stringify(spec.engine)}`,
    '# model = ... the float model',
    ...(dictionary === undefined
      ? [
          `spec = dict.fromkeys([${types.join(', ')}], quantization.${spec.perChannel ? 'per_channel_dynamic_qconfig' : 'default_dynamic_qconfig'})`,
          ...spec.exclude.map((path) => `spec[${JSON.stringify(path)}] = None`),
        ]
      : [`spec = {${dictionary}}`]),
    'model = quantization.quantize_dynamic(model, spec)',
  ];
}

/** Packed LSTMs, GRUs and cells are ScriptObjects, which `weights_only=True`, the default since 2.6, must be told of. */
function quantizedLines(model: Model, spec: QuantizeSpecDto, file: string): string {
  const objects = [...planQuantization(model.root, spec).quantized.values()].some(
    ({ kind }) => kind !== undefined && isRecurrent(kind),
  );
  return [
    ...skeletonLines(model, spec),
    ...(objects
      ? [
          'if hasattr(torch.serialization, "add_safe_globals"):',
          '    torch.serialization.add_safe_globals([torch.ScriptObject])',
        ]
      : []),
    `model.load_state_dict(torch.load(${file}))`,
  ].join('\n');
}

function isRecurrent({ type }: ModuleKind): boolean {
  return /^(LSTM|GRU|(LSTM|GRU|RNN)Cell)$/.test(type);
}

function flatLines(model: Model, spec: QuantizeSpecDto, file: string): string {
  return [
    ...skeletonLines(model, spec),
    `tensors = torch.load(${file})`,
    'for path, module in model.named_modules():',
    '    own = {n[len(path) + 1 if path else 0:]: t for n, t in tensors.items() if n.rpartition(".")[0] == path}',
    '    if isinstance(module, nn.quantized.dynamic.Linear):',
    '        module.set_weight_bias(own["weight"], own.get("bias"))',
    '    elif hasattr(module, "set_weight_bias") and own:',
    '        module.set_weight_bias(own)',
    '    elif own:',
    '        module.load_state_dict(own, strict=False)',
  ].join('\n');
}

/** A function for the values behind codes in `tensors`; `cast` turns the integers into floats in the words of the library. */
export function valueLines(cast: string): string[] {
  return [
    'def value(name):',
    '    scale, zero_point = tensors[name + "_scale"], tensors[name + "_zero_point"]',
    '    column = (-1,) + (1,) * (tensors[name].ndim - 1) if scale.ndim else ()',
    `    return (tensors[name]${cast} - zero_point${cast}.reshape(column)) * scale.reshape(column)`,
  ];
}
