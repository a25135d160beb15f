import { invalid } from '../../core/errors';
import type { FloatTensor } from '../tensor/tensor';
import type { Attributes } from './attributes';
import type { ForwardContext } from './forwardContext';
import { FunctionModule } from './functionModule';
import { floatInput } from './inputs';
import type { RunnableModule } from './module';

/** What a module is made of: its hyperparameters, its own parameters and float buffers, its children in order. */
export interface Parts {
  readonly attributes: Attributes;
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  readonly children: ReadonlyMap<string, RunnableModule>;
}

/** Makes a module of one class; throws for attributes or parameters that are missing. */
export type Maker = (parts: Parts) => RunnableModule;

/** Classes by their name without package. */
export type Makers = readonly (readonly [type: string, maker: Maker])[];

/** A parameter of this rank; E_NO_PARAMETER where it is missing or of another shape. */
export function parameter({ parameters }: Parts, name: string, rank?: number): FloatTensor {
  const found = parameters.get(name);
  if (found === undefined) throw invalid('E_NO_PARAMETER', `This module has no parameter ${name}.`);
  if (rank !== undefined && found.shape.length !== rank) {
    throw invalid('E_NO_PARAMETER', `The parameter ${name} of this module has shape [${found.shape.join(', ')}].`, {
      expected: `${rank} dimensions`,
      found: String(found.shape.length),
    });
  }
  return found;
}

/** A child by name; E_NO_CHILD where there is none. */
export function child({ children }: Parts, name: string): RunnableModule {
  const found = children.get(name);
  if (found === undefined) throw invalid('E_NO_CHILD', `This module has no child ${name}.`);
  return found;
}

/** A module of one float input and one float output. */
export function floatModule(apply: (x: FloatTensor, context: ForwardContext) => FloatTensor): RunnableModule {
  return new FunctionModule(([x], context) => apply(floatInput(x), context));
}
