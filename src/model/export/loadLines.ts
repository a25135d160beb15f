import type { ExportRequestDto } from '../../protocol/exportDto';
import type { Model } from '../openModel';
import { namedQConfigs, pythonType } from '../pythonLines';

/**
 * Python lines that load an export, ready to paste. `model` stands for the float model that the
 * reader builds: a state dict has no code. The same lines are what our own tests run.
 */
export function loadLines(model: Model, request: ExportRequestDto, fileName: string): string {
  const file = JSON.stringify(fileName);
  switch (request.format) {
    case 'torch':
      return request.spec === null || isHalved(request)
        ? floatLines(file)
        : request.layout === 'set_weight_bias'
          ? flatLines(model, request, file)
          : quantizedLines(model, request, file);
    case 'safetensors':
      return [
        'from safetensors.torch import load_file',
        `tensors = load_file(${file})`,
        ...dequantizeLines(request, '.float()'),
      ].join('\n');
    case 'npz':
      return [
        'import numpy',
        `tensors = dict(numpy.load(${file}))`,
        ...dequantizeLines(request, '.astype("float32")'),
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

/** Half precision in a plain state dict: PyTorch widens it while it loads. */
function isHalved({ spec }: ExportRequestDto): boolean {
  return spec?.dtype === 'float16' && spec.halfStorage === true && (spec.overrides ?? []).length === 0;
}

function floatLines(file: string): string {
  return ['import torch', '# model = ... the float model', `model.load_state_dict(torch.load(${file}))`].join('\n');
}

/** The skeleton is quantized with the same spec, then takes the saved weights. */
function skeletonLines(model: Model, { spec }: ExportRequestDto): string[] {
  const engine = spec?.engine ?? 'fbgemm';
  const types = (spec?.modules ?? ['LSTM', 'GRU', 'Linear', 'LSTMCell', 'GRUCell', 'RNNCell']).map((type) =>
    type === 'LinearReLU' ? `torch.${pythonType(type)}` : `nn.${type}`,
  );
  const named = spec === null ? undefined : namedQConfigs(model, spec);
  const dictionary = named?.map(([path, qconfig]) => `${path}: quantization.${qconfig}`).join(', ');
  const excluded = (spec?.exclude ?? []).filter((pattern) => !pattern.includes('*'));
  return [
    'import torch',
    'from torch import nn',
    'from torch.ao import quantization',
    `torch.backends.quantized.engine = ${JSON.stringify(engine)}`,
    '# model = ... the float model',
    ...(dictionary === undefined
      ? [
          `spec = dict.fromkeys([${types.join(', ')}], quantization.${spec?.perChannel ? 'per_channel_dynamic_qconfig' : 'default_dynamic_qconfig'})`,
          ...excluded.map((path) => `spec[${JSON.stringify(path)}] = None`),
        ]
      : [`spec = {${dictionary}}`]),
    'model = quantization.quantize_dynamic(model, spec)',
  ];
}

/** ScriptObjects are no plain tensors, so torch.load must be told that the file is trusted. */
function quantizedLines(model: Model, request: ExportRequestDto, file: string): string {
  return [
    ...skeletonLines(model, request),
    'import inspect',
    'trusted = {"weights_only": False} if "weights_only" in inspect.signature(torch.load).parameters else {}',
    `model.load_state_dict(torch.load(${file}, **trusted))`,
  ].join('\n');
}

function flatLines(model: Model, request: ExportRequestDto, file: string): string {
  return [
    ...skeletonLines(model, request),
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

/** `cast` turns the integers into floats in the words of the library. */
function dequantizeLines({ spec }: ExportRequestDto, cast: string): string[] {
  if (spec === null) return [];
  return [
    'def value(name):',
    '    scale, zero_point = tensors[name + "_scale"], tensors[name + "_zero_point"]',
    '    column = (-1, 1) if scale.ndim else ()',
    `    return (tensors[name]${cast} - zero_point${cast}.reshape(column)) * scale.reshape(column)`,
  ];
}
