import { basename } from 'node:path';
import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import { unsupported } from '../core/errors';
import type { Progress } from '../core/progress';
import { Budget } from '../engine/forward/interpreter/budget';
import { dense, type StridedTensor } from '../engine/forward/values/stridedTensor';
import { planNpz } from '../formats/npy/write';
import { forwardProgram, programArrays, programInputs } from '../model/forwardProgram';
import { literalInputs } from '../model/givenInputs';
import { type Model, openModel } from '../model/openModel';
import { readPlan } from '../model/plan/readPlan';
import type { ForwardRequestDto, ForwardResultDto, ModelSourceDto } from '../protocol/forwardDto';
import { writeFileAtomically } from './writeFile';

type OpenSource = (path: string) => Promise<ByteSource & { close(): Promise<void> }>;

/** Bytes of a Python file or notebook; pictures in a notebook's outputs count. */
const maxSourceBytes = 64 * 1024 * 1024;

/** True where the whole model runs: by its own code, by a class, by a plan. */
export function isWhole({ file }: Model, { module, source, plan }: ForwardRequestDto): boolean {
  return source !== undefined || plan !== undefined || (module === '' && file.program !== undefined);
}

/** Reads source and inputs, runs the model, and writes the outputs where that is asked for. */
export async function forwardWhole(
  model: Model,
  asked: ForwardRequestDto,
  openSource: OpenSource,
  abort: AbortCheck,
  progress: Progress,
): Promise<ForwardResultDto> {
  const request = asked.plan === undefined ? asked : { ...asked, plan: readPlan(asked.plan) };
  const source = request.source && (await readSource(request.source, openSource));
  const { inputs: given } = request;
  const arrays = given?.kind === 'file' ? await openSource(given.path) : undefined;
  try {
    const inputs =
      arrays !== undefined
        ? await programArrays(await openModel(arrays, abort), abort)
        : given?.kind === 'literal'
          ? literalInputs(given.text, request.plan?.inputs ?? programInputs(model))
          : undefined;
    const { result, outputs } = await forwardProgram(model, request, source, inputs, abort, progress);
    if (request.outputsFile !== undefined) {
      const { path, quantized } = request.outputsFile;
      await writeOutputs(path, quantized ? outputs.quantized : outputs.float, abort);
    }
    return result;
  } finally {
    await arrays?.close();
  }
}

async function readSource({ path, className, init }: ModelSourceDto, openSource: OpenSource) {
  const file = await openSource(path);
  try {
    if (file.size > maxSourceBytes) {
      throw unsupported('E_PY_LIMIT', 'The source is too long.', {
        where: { file: file.name },
        found: `${file.size} bytes`,
        expected: `at most ${maxSourceBytes}`,
      });
    }
    const text = new TextDecoder().decode(await file.read(0, file.size));
    return { name: basename(path), text, className: className ?? undefined, init };
  } finally {
    await file.close();
  }
}

async function writeOutputs(path: string, outputs: readonly StridedTensor[], abort: AbortCheck): Promise<void> {
  const plan = planNpz(
    outputs.map((tensor, i) => {
      const values = dense(new Budget(), tensor);
      const data = tensor.type === 'int64' ? BigInt64Array.from(values, (value) => BigInt(value)) : values;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      return { name: `output.${i}`, dtype: tensor.dtype, shape: tensor.shape, data: async () => bytes };
    }),
  );
  await writeFileAtomically(path, plan.chunks(), abort);
}
