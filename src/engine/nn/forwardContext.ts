import type { AbortCheck } from '../../core/abort';
import type { Kernels } from '../kernels/kernels';
import type { Tap } from '../quantization/tap';
import type { ActivationForm } from './activations';

/** What a forward pass needs besides its inputs. */
export interface ForwardContext {
  readonly kernels: Kernels;
  readonly abort: AbortCheck;
  /** Whose σ and tanh the recurrent modules follow; portable unless said. */
  readonly activations?: ActivationForm;
  /** Records every scale that is chosen while the model runs. */
  readonly tap?: Tap;
}
