import type { ErrorDetails } from '../../core/errors';
import { globalCall, itemsOf } from '../pickle/access';
import { type PickleCall, PickleGlobal, PicklePersistent, type PickleValue } from '../pickle/types';
import type { TensorRecord } from '../types';
import { dtypeArgument, sizes } from './arguments';
import type { RebuildContext } from './context';
import { legacyTensorDtype } from './dtypes';
import { numpyArray } from './numpyArray';
import { Problem, problemDetails, unreadable } from './problem';
import { quantization } from './qparams';
import { negation, noteExtras, view } from './view';

/**
 * Tensors as records: what PyTorch's `_rebuild_*` functions would do with their arguments, done
 * as data. Sources: torch/_utils.py, torch/_tensor.py and torch/serialization.py of PyTorch 1.13
 * and 2.x.
 */

type Args = readonly PickleValue[];

/** How often wrappers such as `_rebuild_parameter` may wrap a tensor; PyTorch does it once or twice. */
const maxWraps = 8;

/** The tensor that a value stands for; undefined when it is none. Never throws for what a file holds. */
export function rebuildTensor(value: PickleValue, context: RebuildContext): TensorRecord | undefined {
  // Parameters wrap tensors; a hostile file would like to wrap them as often as it can.
  let current = value;
  let requiresGrad: boolean | undefined;
  for (let wraps = 0; wraps < maxWraps; wraps++) {
    if (current instanceof PicklePersistent) return context.tensorOf?.(current.id);
    const found = globalCall(current);
    if (found === undefined) return undefined;
    const { name, args, call } = found;
    const wrapped = unwrap(name, args);
    if (wrapped !== undefined) {
      requiresGrad ??= wrapped.requiresGrad;
      current = wrapped.value;
      continue;
    }
    const build = builder(name, args, call, context);
    if (build === undefined) return undefined;
    const tensor = attempt(build, call, context);
    if (tensor === undefined) return undefined;
    if (call.entries.length > 0 || call.items.length > 0) {
      const problem = new Problem('E_PICKLE_TYPE', 'The pickle puts items into a tensor, which PyTorch refuses.');
      return { ...tensor, problem: problemDetails(problem, context.entry, call.offset) };
    }
    return requiresGrad === undefined ? tensor : { ...tensor, requiresGrad };
  }
  return undefined;
}

/** A value around a tensor that changes nothing of its numbers. */
function unwrap(name: string, args: Args): { value: PickleValue; requiresGrad: boolean | undefined } | undefined {
  if (/^torch\._utils\._rebuild_parameter(_with_state)?$/.test(name)) {
    return { value: args[0] ?? null, requiresGrad: args[1] === true };
  }
  // 0.1 to 0.3 pickled the class itself.
  if (/^torch\.(nn\.parameter\.(Parameter|Buffer)|autograd\.variable\.Variable)$/.test(name) && args.length > 0) {
    return { value: args[0], requiresGrad: args[1] === true };
  }
  if (name === 'torch._utils._rebuild_device_tensor_from_cpu_tensor' && args.length > 0) {
    return { value: args[0], requiresGrad: args[3] === true };
  }
  if (/^torch\._utils\._rebuild_(device_tensor_from_numpy|xla_tensor)$/.test(name) && args.length > 0) {
    return { value: args[0], requiresGrad: args[3] === true };
  }
  return undefined;
}

/** What would make the tensor; undefined when the call makes none. */
function builder(
  name: string,
  args: Args,
  call: PickleCall,
  context: RebuildContext,
): (() => TensorRecord | undefined) | undefined {
  if (Object.hasOwn(rebuilders, name)) return () => rebuilders[name](args, context);
  const wrapper = /^torch\.(_tensor|tensor)\._rebuild_from_type(_v2)?$/.test(name);
  if (wrapper) return fromType(args, context);
  if (name.startsWith('numpy.')) return () => numpyArray(call);
  const dtype = legacyTensorDtype(name);
  if (dtype === undefined || call.state === undefined) return undefined;
  return () => view(itemsOf(call.state), context, dtype);
}

/** (func, type, args, state): func is data here, and must be one of the functions that are known. */
function fromType(args: Args, context: RebuildContext): (() => TensorRecord | undefined) | undefined {
  const [func, , inner] = args;
  if (args.length < 3) {
    return () => {
      throw new Problem('E_PT_ARGUMENT', 'A tensor of a subclass names neither how to make it nor its type.', {
        found: `${args.length} arguments`,
        expected: '(func, type, args, state)',
      });
    };
  }
  const known = func instanceof PickleGlobal && Object.hasOwn(rebuilders, func.fullName) ? func.fullName : undefined;
  return known === undefined ? undefined : () => rebuilders[known](itemsOf(inner), context);
}

function attempt(
  build: () => TensorRecord | undefined,
  call: PickleCall,
  { entry }: RebuildContext,
): TensorRecord | undefined {
  try {
    const tensor = build();
    const problem = tensor?.problem;
    if (tensor === undefined || problem === undefined || problem.where?.offset !== undefined) return tensor;
    return { ...tensor, problem: { ...problem, where: { ...problem.where, entry, offset: call.offset } } };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { ...unreadable, problem: problemDetails(error, entry, call.offset) };
  }
}

const rebuilders: Readonly<Record<string, (args: Args, context: RebuildContext) => TensorRecord>> = {
  'torch._utils._rebuild_tensor': (args, context) => view(args, context),
  'torch._utils._rebuild_tensor_v2': (args, context) => {
    const tensor = view(args, context);
    noteExtras(args[4], args[5], args[6], context);
    return { ...tensor, requiresGrad: args[4] === true, negated: negation(args[6], tensor.dtype) };
  },
  'torch._utils._rebuild_tensor_v3': (args, context) => {
    const tensor = view(args, context, dtypeArgument(args[6]));
    noteExtras(args[4], args[5], args[7], context);
    return { ...tensor, requiresGrad: args[4] === true, negated: negation(args[7], tensor.dtype) };
  },
  'torch._utils._rebuild_qtensor': (args, context) => {
    if (context.insideQuantized)
      throw new Problem('E_PT_QPARAMS', 'Scales and zero points may not be quantized themselves.');
    const tensor = view(args, context);
    const inside = { ...context, insideQuantized: true };
    const qparams = quantization(args[4], tensor, (value) => rebuildTensor(value, inside));
    return { ...tensor, requiresGrad: args[5] === true, quantization: qparams };
  },
  'torch._utils._rebuild_meta_tensor_no_storage': ([dtype, size, stride, grad]) =>
    withoutData(dtype, size, stride, grad, {
      code: 'E_PT_META',
      kind: 'unsupported',
      message: 'This tensor has no data in this file: it was saved on the meta device.',
    }),
  'torch._utils._rebuild_wrapper_subclass': ([, dtype, size, stride, , , , grad]) =>
    withoutData(dtype, size, stride, grad, {
      code: 'E_PT_WRAPPER',
      kind: 'unsupported',
      message: 'This tensor is a wrapper without data of its own; what it wraps is listed beside it.',
    }),
};

function withoutData(
  dtype: PickleValue | undefined,
  size: PickleValue | undefined,
  stride: PickleValue | undefined,
  grad: PickleValue | undefined,
  problem: ErrorDetails,
): TensorRecord {
  const element = dtypeArgument(dtype);
  const shape = sizes(size, 'size');
  const strides = sizes(stride, 'stride');
  return { ...unreadable, dtype: element, shape, strides, requiresGrad: grad === true, problem };
}
