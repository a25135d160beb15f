import type { AbortCheck } from '../core/abort';
import { invalid, unsupported } from '../core/errors';
import type { Tensor } from '../engine/tensor/tensor';
import type { OnnxDimension, OnnxGraph, OnnxValueInfo } from '../formats/onnx/types';
import { randomInputs } from '../model/randomInputs';
import type { OnnxForwardRequestDto } from '../protocol/forwardDto';
import type { RunnableDto } from '../protocol/modelDto';
import { indexLimits } from './onnxParts';
import type { OnnxSession } from './onnxRuntime';
import type { OpenSource } from './openSource';
import { typedInputs } from './textInputs';
import { inputArrays } from './wholeModels';

/** What an open size of an input becomes when nothing says more. */
const openSize = 1;
/** And of a row of token ids, or of what goes beside them. */
const openTokens = 16;
/** Random indices stay below this where the graph does not show the table that they are looked up in. */
const indexLimit = 2;

/** TensorProto.DataType of the inputs that can be drawn. */
const drawn = new Map<number, 'float32' | 'int64'>([
  [1, 'float32'],
  [7, 'int64'],
]);

/** The inputs that a graph names; constants are none. */
export function graphInputs(graph: OnnxGraph | undefined): OnnxValueInfo[] {
  const constants = new Set(graph?.initializers.map(({ name }) => name));
  return (graph?.inputs ?? []).filter(({ name }) => !constants.has(name));
}

/** Inputs to start from. A size that the graph leaves open under one name is one number everywhere. */
export function proposedInputs(graph: OnnxGraph | undefined): RunnableDto['inputs'] {
  const wanted = graphInputs(graph);
  const limits = indexLimits(graph);
  const named = new Map<OnnxDimension, number>(
    wanted.flatMap((input) => {
      const size = input.shape?.[tokenAxis(input)];
      return typeof size === 'string' ? [[size, openTokens] as const] : [];
    }),
  );
  return wanted.map((input) => {
    const { name, elemType, shape = [] } = input;
    const dtype = drawn.get(elemType);
    return {
      name,
      shape: shape.map(
        (size, d) => fixedSize(size) ?? named.get(size) ?? (d === tokenAxis(input) ? openTokens : openSize),
      ),
      ...(dtype === undefined ? {} : { dtype }),
      ...(dtype === 'int64' ? { high: limits.get(name) ?? indexLimit } : {}),
    };
  });
}

/** Whether random numbers can stand in for an input. */
export function isDrawable({ elemType }: OnnxValueInfo): boolean {
  return drawn.has(elemType);
}

export function fixedSize(size: OnnxDimension): number | undefined {
  return typeof size === 'number' && size >= 0 ? size : undefined;
}

/** Which dimension counts tokens, in rows of indices: ids, their mask, types or positions; −1 in all other inputs. */
function tokenAxis({ elemType, shape }: OnnxValueInfo): number {
  if (drawn.get(elemType) !== 'int64' || shape?.length !== 2) return -1;
  const [first, second] = shape;
  if (!isBatch(second) && fixedSize(second) !== 1) return 1;
  return isBatch(first) ? -1 : 0;
}

function isBatch(size: OnnxDimension): boolean {
  return typeof size === 'string' && /batch/i.test(size);
}

/** The inputs of a request, as many as the graph takes: a file's, what was typed, or random ones. */
export async function requestedInputs(
  { inputs: wanted }: OnnxSession,
  request: Pick<OnnxForwardRequestDto, 'seed' | 'shapes' | 'inputs'>,
  graph: OnnxGraph | undefined,
  openSource: OpenSource,
  abort: AbortCheck,
): Promise<readonly Tensor[]> {
  const inputs = await tensorsOf(wanted, request, proposedInputs(graph), openSource, abort);
  if (inputs.length !== wanted.length) {
    throw invalid('E_ONNX_INPUT', `The graph takes ${wanted.length} inputs, not ${inputs.length}.`, {
      expected: wanted
        .map(({ name, dtype, shape }) => `${name} ${dtype} [${shape.map((s) => (s < 0 ? '?' : s)).join(', ')}]`)
        .join(', '),
      found: inputs.map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`).join(', '),
    });
  }
  return inputs;
}

function tensorsOf(
  wanted: OnnxSession['inputs'],
  request: Pick<OnnxForwardRequestDto, 'seed' | 'shapes' | 'inputs'>,
  known: RunnableDto['inputs'],
  openSource: OpenSource,
  abort: AbortCheck,
): Promise<readonly Tensor[]> | readonly Tensor[] {
  const { inputs } = request;
  if (inputs === null) return randomOnes(wanted, request, known);
  return inputs.kind === 'file' ? inputArrays(inputs.path, openSource, abort) : typedInputs(inputs, known, openSource);
}

function randomOnes(
  wanted: OnnxSession['inputs'],
  { seed, shapes }: Pick<OnnxForwardRequestDto, 'seed' | 'shapes'>,
  known: RunnableDto['inputs'],
): Tensor[] {
  const proposed = new Map(known.map((input) => [input.name, input]));
  const chosen = wanted.map(
    ({ name, shape }, i) => shapes[i] ?? proposed.get(name)?.shape ?? shape.map((size) => (size < 0 ? openSize : size)),
  );
  const inputs = wanted.map(({ name, dtype, shape }) => {
    if (dtype !== 'float32' && dtype !== 'int64') {
      throw unsupported('E_ONNX_INPUT', `The input ${name} is ${dtype}; random inputs are float32 or int64.`, {
        hint: 'Give it with --inputs IN.npz.',
      });
    }
    return { name, shape, dtype: dtype as 'float32' | 'int64', high: proposed.get(name)?.high ?? indexLimit };
  });
  return randomInputs(seed, chosen, inputs);
}
