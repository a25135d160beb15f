import { roundHalfEven } from '../../../core/fma';
import type { Kernels } from '../kernels';
import { dotFloat } from './floatProduct';
import { referenceLayers } from './referenceLayers';
import { referenceStreams } from './referenceStreams';

/** The arithmetic as plainly as it can be written; every faster kernel is compared with this, bit for bit. */
export const referenceKernels: Kernels = {
  name: 'reference',
  threads: 1,
  streams: referenceStreams,
  layers: referenceLayers,

  quantizeActivation(values, scale, zeroPoint, engine, out) {
    const inverse = engine.inverse(scale);
    let clamped = 0;
    for (let i = 0; i < values.length; i++) {
      const code = roundHalfEven(engine.code(values[i], inverse, zeroPoint));
      out[i] = code < 0 ? 0 : code > 255 ? 255 : code;
      if (code < 0 || code > 255) clamped++;
    }
    return clamped;
  },

  gemmInt8(codes, zeroPoint, weight, m, n, k, out) {
    for (let row = 0; row < m; row++) {
      for (let channel = 0; channel < n; channel++) {
        // A JavaScript number holds the sum exactly beyond int32, so no length of k overflows.
        let sum = 0;
        for (let i = 0, x = row * k, w = channel * k; i < k; i++, x++, w++) sum += (codes[x] - zeroPoint) * weight[w];
        out[row * n + channel] = sum;
      }
    }
  },

  gemmFloat(x, weight, bias, m, n, k, out) {
    for (let row = 0; row < m; row++) {
      for (let channel = 0; channel < n; channel++) {
        const sum = dotFloat(x, row * k, weight, channel * k, k);
        out[row * n + channel] = bias === undefined ? sum : sum + bias[channel];
      }
    }
  },
};
