import { Budget } from '../engine/forward/interpreter/budget';
import { dense, StridedTensor } from '../engine/forward/values/stridedTensor';
import type { PyObject } from '../engine/forward/values/values';
import type {
  ActivationDetailDto,
  ActivationQueryDto,
  ExplainedElementDto,
  ExplainQueryDto,
} from '../protocol/forwardDto';
import { describeActivations, engineGrid } from './activationDetail';
import { capture, captureSteps } from './capture';
import { explainCaptured, noProduct } from './explainOutput';
import type { PreparedProgram } from './preparedProgram';

/** The values behind one scale of a whole model: runs it again in int8 and stops to look. */
export function programActivation({ run, twins }: PreparedProgram, query: ActivationQueryDto): ActivationDetailDto {
  return describeActivations(
    captureSteps(query, (tap) => void run(twins(), tap)),
    engineGrid(query.request.engine),
  );
}

/** One output number of a product inside a whole model. */
export function explainProgram(prepared: PreparedProgram, query: ExplainQueryDto): ExplainedElementDto {
  const swaps = prepared.twins();
  const captured = capture(query, (tap) => void prepared.run(swaps, tap));
  const product = swaps.used
    .flatMap(({ products }) => products)
    .find(({ module, name }) => module === query.module && name === query.weight);
  if (product === undefined) throw noProduct(query);
  const path = [...prepared.swapped].find(([, swap]) => swap.path === query.module)?.[0] ?? query.module;
  const module = prepared.loaded.program.modules.get(path);
  return explainCaptured(query, captured, product, module && floatWeight(module, query.weight));
}

function floatWeight(module: PyObject, name: string): Float32Array | undefined {
  const tensor = module.module?.parameters.get(name) ?? module.attributes.get(name);
  return tensor instanceof StridedTensor ? Float32Array.from(dense(new Budget(), tensor)) : undefined;
}
