import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import { invalid, unsupported } from '../core/errors';
import { type Tensor, tensorFromBytes } from '../engine/tensor/tensor';
import { planNpz } from '../formats/npy/write';
import { addOutputs } from '../formats/onnx/addOutputs';
import { openModel } from '../model/openModel';
import { randomInputs } from '../model/randomInputs';
import type { OnnxForwardDto, OnnxForwardRequestDto } from '../protocol/forwardDto';
import { writeFileAtomically } from './writeFile';

type OpenSource = (path: string) => Promise<ByteSource & { close(): Promise<void> }>;

/** The runtime holds the whole file in memory that WebAssembly can address. */
const maxModelBytes = 1024 * 1024 * 1024;

/** What an open size of an input becomes when nothing says more. */
const openSize = 1;
/** Random indices stay below this, since a graph does not say how many there are. */
const indexLimit = 2;

/** Runs an ONNX graph with ONNX Runtime on given or random inputs; `values` are intermediate results to give too. */
export async function onnxForward(
  path: string,
  request: OnnxForwardRequestDto,
  openSource: OpenSource,
  abort: AbortCheck,
): Promise<OnnxForwardDto> {
  const bytes = await readWhole(path, openSource);
  // Loaded now: the runtime is large, and most files need none.
  const { openOnnxSession } = await import('./onnxRuntime.js');
  abort.throwIfAborted();
  const plain = request.values.length > 0;
  const session = await openOnnxSession(plain ? addOutputs(bytes, request.values) : bytes, plain);
  try {
    const inputs =
      request.inputsFile === null
        ? randomOnes(session.inputs, request)
        : await fromFile(request.inputsFile, openSource, abort);
    if (inputs.length !== session.inputs.length) {
      throw invalid('E_ONNX_INPUT', `The graph takes ${session.inputs.length} inputs, not ${inputs.length}.`, {
        expected: session.inputs
          .map(({ name, dtype, shape }) => `${name} ${dtype} [${shape.map((s) => (s < 0 ? '?' : s)).join(', ')}]`)
          .join(', '),
        found: inputs.map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`).join(', '),
      });
    }
    const outputs = await session.run(inputs);
    const times: number[] = [];
    for (let i = 0; i < request.warmup + request.runs; i++) {
      abort.throwIfAborted();
      const started = performance.now();
      await session.run(inputs);
      if (i >= request.warmup) times.push((performance.now() - started) * 1000);
    }
    times.sort((a, b) => a - b);
    if (request.outputsFile !== null) await writeOutputs(request.outputsFile, outputs, abort);
    return {
      inputs: inputs.map(({ shape, dtype }, i) => ({ name: session.inputs[i].name, shape, dtype })),
      outputs: outputs.map((output, i) => ({
        name: session.outputs[i],
        shape: output.shape,
        dtype: output.dtype,
        ...means(output),
      })),
      latencyUs: {
        median: times[Math.floor(times.length / 2)] ?? 0,
        p95: times[Math.floor(times.length * 0.95)] ?? 0,
        runs: request.runs,
        warmup: request.warmup,
        threads: 1,
      },
    };
  } finally {
    await session.close();
  }
}

async function readWhole(path: string, openSource: OpenSource): Promise<Uint8Array> {
  const source = await openSource(path);
  try {
    if (source.size > maxModelBytes) {
      throw unsupported('E_ONNX_LIMIT', 'The model is too large to be run here.', {
        found: `${source.size} bytes`,
        expected: `at most ${maxModelBytes}`,
      });
    }
    return await source.read(0, source.size);
  } finally {
    await source.close();
  }
}

function randomOnes(
  wanted: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[],
  { seed, shapes }: OnnxForwardRequestDto,
): Tensor[] {
  const chosen = wanted.map(({ shape }, i) => shapes[i] ?? shape.map((size) => (size < 0 ? openSize : size)));
  const known = wanted.map(({ name, dtype, shape }) => {
    if (dtype !== 'float32' && dtype !== 'int64') {
      throw unsupported('E_ONNX_INPUT', `The input ${name} is ${dtype}; random inputs are float32 or int64.`, {
        hint: 'Give it with --inputs IN.npz.',
      });
    }
    return { name, shape, dtype: dtype as 'float32' | 'int64', high: indexLimit };
  });
  return randomInputs(seed, chosen, known);
}

async function fromFile(path: string, openSource: OpenSource, abort: AbortCheck): Promise<Tensor[]> {
  const source = await openSource(path);
  try {
    const arrays = await openModel(source, abort);
    const inputs: Tensor[] = [];
    for (
      let tensor = arrays.tensors.get('input.0');
      tensor !== undefined;
      tensor = arrays.tensors.get(`input.${inputs.length}`)
    ) {
      inputs.push(tensorFromBytes(await arrays.file.readTensor(tensor.record, abort), tensor.dtype, tensor.shape));
    }
    return inputs;
  } finally {
    await source.close();
  }
}

function means({ data }: Tensor): { mean: number; meanAbs: number } {
  let [sum, sumAbs] = [0, 0];
  for (const value of data) {
    sum += Number(value);
    sumAbs += Math.abs(Number(value));
  }
  return { mean: sum / data.length, meanAbs: sumAbs / data.length };
}

async function writeOutputs(path: string, outputs: readonly Tensor[], abort: AbortCheck): Promise<void> {
  const plan = planNpz(
    outputs.map(({ dtype, shape, data }, i) => {
      const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
      return { name: `output.${i}`, dtype, shape, data: async () => bytes };
    }),
  );
  await writeFileAtomically(path, plan.chunks(), abort);
}
