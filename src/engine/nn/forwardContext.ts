import type { AbortCheck } from '../../core/abort';
import type { Kernels } from '../kernels/kernels';
import type { Tap } from '../quantization/tap';

/** What a forward pass needs besides its inputs. */
export interface ForwardContext {
  readonly kernels: Kernels;
  readonly abort: AbortCheck;
  /** Records every scale that is chosen while the model runs. */
  readonly tap?: Tap;
}
