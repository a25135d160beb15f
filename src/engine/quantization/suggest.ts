/**
 * Which layers to keep in float. What each layer adds to the noise of the output is measured with
 * that layer quantized alone; the noises of several layers are taken as independent, so that they
 * add. That makes every answer here exact for the sum: a layer more in float never adds noise,
 * and the fewest layers that reach a target are those with the most noise.
 */
export interface LayerCost {
  readonly path: string;
  /** Noise power over signal power at the output, with this layer quantized alone. */
  readonly noise: number;
  readonly floatBytes: number;
  readonly quantizedBytes: number;
}

/** One choice of layers that stay float. */
export interface FloatSet {
  readonly keep: readonly string[];
  readonly bytes: number;
  /** −10 · log10 of the noise of all other layers together; infinite without noise. */
  readonly sqnrDb: number;
}

/** Most noise first; the order of the file between equals. */
export function ranked(layers: readonly LayerCost[]): LayerCost[] {
  return [...layers].sort((a, b) => b.noise - a.noise);
}

/** What is expected of one choice. `otherBytes` is the size of everything but the layers. */
export function floatSet(layers: readonly LayerCost[], keep: ReadonlySet<string>, otherBytes: number): FloatSet {
  let bytes = otherBytes;
  let noise = 0;
  for (const layer of layers) {
    const float = keep.has(layer.path);
    bytes += float ? layer.floatBytes : layer.quantizedBytes;
    if (!float) noise += layer.noise;
  }
  return { keep: layers.filter(({ path }) => keep.has(path)).map(({ path }) => path), bytes, sqnrDb: decibels(noise) };
}

/**
 * From everything quantized to everything float, the layer with the most noise first. Point n is
 * the least noise that n layers in float can leave, so the first point that reaches a target has
 * the fewest layers.
 */
export function sizeErrorCurve(layers: readonly LayerCost[], otherBytes: number): FloatSet[] {
  const order = ranked(layers);
  return Array.from({ length: order.length + 1 }, (_, count) =>
    floatSet(order, new Set(order.slice(0, count).map(({ path }) => path)), otherBytes),
  );
}

/**
 * Layers in float that fit in `maxBytes`, for as little noise as two greedy orders find: by noise,
 * and by noise for each byte more. Nothing is kept where even everything quantized is too large.
 */
export function suggestForSize(layers: readonly LayerCost[], maxBytes: number, otherBytes: number): FloatSet {
  const perByte = (layer: LayerCost) => layer.noise / Math.max(layer.floatBytes - layer.quantizedBytes, 1);
  const orders = [ranked(layers), [...layers].sort((a, b) => perByte(b) - perByte(a))];
  const [byNoise, byRatio] = orders.map((order) => fill(layers, order, maxBytes, otherBytes));
  return byRatio.sqnrDb > byNoise.sqnrDb ? byRatio : byNoise;
}

function fill(
  layers: readonly LayerCost[],
  order: readonly LayerCost[],
  maxBytes: number,
  otherBytes: number,
): FloatSet {
  const keep = new Set<string>();
  let bytes = floatSet(layers, keep, otherBytes).bytes;
  for (const { path, noise, floatBytes, quantizedBytes } of order) {
    const more = floatBytes - quantizedBytes;
    if (noise === 0 || bytes + more > maxBytes) continue;
    keep.add(path);
    bytes += more;
  }
  return floatSet(layers, keep, otherBytes);
}

/** SQNR of a share of noise. */
export function decibels(noise: number): number {
  return noise === 0 ? Number.POSITIVE_INFINITY : -10 * Math.log10(noise);
}
