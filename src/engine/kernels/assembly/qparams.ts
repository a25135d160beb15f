// chooseQParams of quantization/qparams.ts, step by step the same.

const SMALL_SCALE: f64 = <f64>(<f32>6.1e-5);

export let scale: f64 = 0;
export let zeroPoint: i32 = 0;

export function chooseQParams(min: f32, max: f32, reduceRange: bool): void {
  const qmax: f64 = reduceRange ? 127 : 255;
  let low = <f64>(min < 0 ? min : 0);
  let high = <f64>(max > 0 ? max : 0);
  let chosen = (high - low) / qmax;
  const single = <f32>chosen;
  if (single == 0 || !isFinite<f32>(<f32>1 / single)) chosen = 0.1;
  if (chosen < SMALL_SCALE) {
    const original = <f64>(<f32>chosen);
    chosen = SMALL_SCALE;
    if (low == 0) high = <f64>(<f32>(SMALL_SCALE * qmax));
    else if (high == 0) low = <f64>(<f32>(-SMALL_SCALE * qmax));
    else {
      const amplifier = <f64>(<f32>(SMALL_SCALE / original));
      low = <f64>(<f32>(low * amplifier));
      high = <f64>(<f32>(high * amplifier));
    }
  }
  const fromMin = 0 - low / chosen;
  const fromMax = qmax - high / chosen;
  const errorFromMin = -abs(low / chosen);
  const errorFromMax = qmax - abs(high / chosen);
  const initial = errorFromMin < errorFromMax ? fromMin : fromMax;
  scale = chosen;
  zeroPoint = initial < 0 ? 0 : initial > qmax ? <i32>qmax : <i32>nearest(initial);
}
