import type uPlot from 'uplot';

/** Small drawings on top of uPlot: what it has no option for. */

/** Draws after the series, clipped to nothing: the callback gets canvas pixels through `plot.valToPos`. */
export function overlay(draw: (plot: uPlot, context: CanvasRenderingContext2D, ratio: number) => void): uPlot.Plugin {
  return { hooks: { draw: (plot) => draw(plot, plot.ctx, devicePixelRatio) } };
}

/** A vertical line at an x value. */
export function verticalLine(x: number, color: string): uPlot.Plugin {
  return overlay((plot, context, ratio) => {
    const at = Math.round(plot.valToPos(x, 'x', true)) + 0.5;
    context.save();
    context.strokeStyle = color;
    context.lineWidth = ratio;
    context.beginPath();
    context.moveTo(at, plot.bbox.top);
    context.lineTo(at, plot.bbox.top + plot.bbox.height);
    context.stroke();
    context.restore();
  });
}

/** Sticks from zero, in canvas pixels. */
export function sticks(
  xs: readonly number[],
  ys: readonly number[],
  color: string,
  dash: readonly number[],
  knob: boolean,
): uPlot.Plugin {
  return overlay((plot, context, ratio) => {
    context.save();
    context.strokeStyle = color;
    context.fillStyle = color;
    context.lineWidth = 1.5 * ratio;
    context.setLineDash(dash.map((length) => length * ratio));
    const zero = plot.valToPos(0, 'y', true);
    for (const [i, x] of xs.entries()) {
      if (ys[i] === 0 || x < (plot.scales.x.min ?? x) || x > (plot.scales.x.max ?? x)) continue;
      const left = plot.valToPos(x, 'x', true);
      const top = plot.valToPos(ys[i], 'y', true);
      context.beginPath();
      context.moveTo(left, zero);
      context.lineTo(left, top);
      context.stroke();
      if (!knob) continue;
      context.beginPath();
      context.arc(left, top, 2.5 * ratio, 0, 2 * Math.PI);
      context.fill();
    }
    context.restore();
  });
}
