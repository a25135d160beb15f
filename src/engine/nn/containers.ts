import { unsupported } from '../../core/errors';
import type { Tensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';
import type { ModuleInputs, RunnableModule } from './module';

/** torch.nn.Sequential: the first output of each child is the input of the next. */
export class Sequential implements RunnableModule {
  constructor(readonly modules: readonly RunnableModule[]) {}

  get outputs(): readonly string[] {
    return this.modules.at(-1)?.outputs ?? ['output'];
  }

  forward(inputs: ModuleInputs, context: ForwardContext): Tensor[] {
    let values: ModuleInputs = inputs;
    for (const [i, module] of this.modules.entries()) {
      context.abort.throwIfAborted();
      if (i > 0 && values.length > 1) {
        throw unsupported(
          'E_NO_FORWARD',
          'A module in this Sequential gives a tuple, which the next one cannot take.',
          {
            hint: 'As in PyTorch: only the last module of a Sequential may return several values.',
          },
        );
      }
      values = module.forward(values, context);
    }
    return values as Tensor[];
  }
}

/** torch.nn.ModuleList and ModuleDict: children without a forward. */
export class ModuleHolder implements RunnableModule {
  readonly outputs = ['output'];

  constructor(
    readonly modules: readonly RunnableModule[],
    private readonly type: string,
  ) {}

  forward(): never {
    throw unsupported('E_NO_FORWARD', `Module [${this.type}] is missing the required "forward" function`, {
      hint: 'Run one of the modules in it instead.',
    });
  }
}
