export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Squarified treemap: Bruls, Huizing and van Wijk, 2000. Weights in falling order share the box
 * by area; the answer has one box a weight.
 */
export function squarify(weights: readonly number[], box: Box): Box[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total <= 0 || box.width <= 0 || box.height <= 0) return weights.map(() => ({ ...box, width: 0, height: 0 }));
  const areas = weights.map((weight) => (weight / total) * box.width * box.height);
  const placed: Box[] = [];
  let rest = box;
  for (let start = 0; start < areas.length; ) {
    const side = Math.min(rest.width, rest.height);
    let end = start + 1;
    let sum = areas[start];
    // A row grows while that makes its worst tile squarer.
    while (
      end < areas.length &&
      worst(areas[start], areas[end], sum + areas[end], side) <= worst(areas[start], areas[end - 1], sum, side)
    ) {
      sum += areas[end];
      end++;
    }
    const wide = rest.width >= rest.height;
    const thickness = side === 0 ? 0 : sum / side;
    let offset = 0;
    for (let i = start; i < end; i++) {
      const length = thickness === 0 ? 0 : areas[i] / thickness;
      placed.push(
        wide
          ? { x: rest.x, y: rest.y + offset, width: thickness, height: length }
          : { x: rest.x + offset, y: rest.y, width: length, height: thickness },
      );
      offset += length;
    }
    rest = wide
      ? { ...rest, x: rest.x + thickness, width: Math.max(0, rest.width - thickness) }
      : { ...rest, y: rest.y + thickness, height: Math.max(0, rest.height - thickness) };
    start = end;
  }
  return placed;
}

/** The worst aspect ratio of a row between its largest and smallest area. */
function worst(largest: number, smallest: number, sum: number, side: number): number {
  const square = side * side;
  return Math.max((square * largest) / (sum * sum), (sum * sum) / (square * Math.max(smallest, 1e-9)));
}
