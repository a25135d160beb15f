import type { TensorImageDto } from '../../src/protocol/tensorDto';

type Rgb = readonly [number, number, number];

/** A colour of the theme as the three numbers that pixels need. */
function color(variable: string, fallback: string): Rgb {
  const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  if (probe === null) return [128, 128, 128];
  probe.fillStyle = fallback;
  probe.fillStyle = getComputedStyle(document.body).getPropertyValue(variable).trim() || fallback;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  return [r, g, b];
}

const series = {
  float: '--vscode-charts-blue',
  int8: '--vscode-charts-orange',
  error: '--vscode-foreground',
};

/** One pixel a cell: nothing at zero, the series' colour at the largest positive value, the text's colour at the largest negative. */
export function paintCells(canvas: HTMLCanvasElement, image: TensorImageDto, layer: keyof typeof series): void {
  const context = canvas.getContext('2d');
  if (context === null || image.cells.length === 0) return;
  const positive = color(series[layer], '#3794ff');
  const negative = color('--vscode-foreground', '#888888');
  const pixels = context.createImageData(image.width, image.height);
  for (const [i, value] of image.cells.entries()) {
    const [r, g, b] = value < 0 ? negative : positive;
    pixels.data[4 * i] = r;
    pixels.data[4 * i + 1] = g;
    pixels.data[4 * i + 2] = b;
    pixels.data[4 * i + 3] = image.largest === 0 ? 0 : Math.round((255 * Math.abs(value)) / image.largest);
  }
  context.putImageData(pixels, 0, 0);
}
