import type { Tensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';
import type { ModuleInputs, RunnableModule } from './module';

/** A module with one output that keeps nothing from call to call. */
export class FunctionModule implements RunnableModule {
  readonly outputs = ['output'];

  constructor(private readonly apply: (inputs: ModuleInputs, context: ForwardContext) => Tensor) {}

  forward(inputs: ModuleInputs, context: ForwardContext): Tensor[] {
    return [this.apply(inputs, context)];
  }
}
