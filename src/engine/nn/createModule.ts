import { unsupported } from '../../core/errors';
import type { FloatTensor } from '../tensor/tensor';
import { activationMakers } from './activationModules';
import { attentionMakers } from './attentionModules';
import { type AttributeMap, Attributes } from './attributes';
import { convolutionMakers } from './convolutionModules';
import { embeddingMakers } from './embeddingModules';
import { linearMakers } from './linearModules';
import type { RunnableModule } from './module';
import { normMakers } from './normModules';
import type { Maker } from './parts';
import { poolMakers } from './poolModules';
import { recurrentMakers } from './recurrentModules';
import { containerMakers, shapeMakers } from './shapeModules';

const makers: ReadonlyMap<string, Maker> = new Map([
  ...linearMakers,
  ...recurrentMakers,
  ...embeddingMakers,
  ...normMakers,
  ...convolutionMakers,
  ...poolMakers,
  ...attentionMakers,
  ...activationMakers,
  ...shapeMakers,
  ...containerMakers,
]);

/** Whether the engine has the forward of this torch.nn class, named without its package. */
export function hasForward(type: string): boolean {
  return makers.has(type);
}

/**
 * A module of torch.nn in evaluation mode. `type` is the class name without its package and
 * `attributes` are the instance's own, under PyTorch's names; E_NO_FORWARD for other classes.
 */
export function createModule(
  type: string,
  attributes: AttributeMap,
  parameters: ReadonlyMap<string, FloatTensor>,
  children: ReadonlyMap<string, RunnableModule> = new Map(),
): RunnableModule {
  const maker = makers.get(type);
  if (maker === undefined) {
    throw unsupported('E_NO_FORWARD', `The class ${type} has a forward of its own, which is not known.`, {
      hint: 'Run one of the modules below it instead.',
    });
  }
  return maker({ attributes: new Attributes(attributes), parameters, children });
}
