import type { SensitivityRequestDto } from '../../protocol/answersDto';
import type { ForwardRequestDto } from '../../protocol/forwardDto';
import type { QuantizeSpecDto } from '../../protocol/quantizeDto';
import { forwardRuns, forwardSeed, forwardWarmup } from '../settings';
import { leaving } from './specChanges';

/** What a person chooses of a forward pass. */
export type ForwardChoice = Pick<
  ForwardRequestDto,
  'module' | 'seed' | 'shapes' | 'inputs' | 'source' | 'plan' | 'values'
>;

/** The rest of the request follows the spec and the settings. */
export function forwardRequest(
  spec: QuantizeSpecDto,
  { module, seed, shapes, inputs, source, plan, values }: ForwardChoice,
): ForwardRequestDto {
  return {
    module,
    seed,
    shapes,
    inputs,
    engine: spec.engine,
    perChannel: spec.perChannel,
    spec,
    runs: forwardRuns(),
    warmup: forwardWarmup(),
    ...(source && { source }),
    ...(plan && { plan }),
    ...(values && { values }),
  };
}

/** The error that each layer makes alone, ticked or not, on the inputs of this pass of the whole model. */
export function sensitivityRequest(
  spec: QuantizeSpecDto,
  pass: ForwardRequestDto | undefined,
  { source, plan }: Pick<ForwardRequestDto, 'source' | 'plan'>,
): SensitivityRequestDto {
  return {
    spec: leaving(spec, []),
    module: '',
    seed: pass?.seed ?? forwardSeed(),
    shapes: pass?.shapes ?? null,
    inputs: pass?.inputs ?? null,
    targetDb: null,
    maxBytes: null,
    ...(source && { source }),
    ...(plan && { plan }),
  };
}
