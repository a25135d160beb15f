import { signal } from '@preact/signals';

/** The colours of a chart, read from VS Code's variables: canvas cannot use them by name. */
export interface ChartTheme {
  readonly float: string;
  readonly int8: string;
  readonly lines: string;
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly font: string;
  readonly focus: string;
}

function read(): ChartTheme {
  const style = getComputedStyle(document.body);
  const color = (name: string, fallback: string) => style.getPropertyValue(name).trim() || fallback;
  const text = color('--vscode-foreground', '#888888');
  return {
    float: color('--vscode-charts-blue', '#3794ff'),
    int8: color('--vscode-charts-orange', '#d18616'),
    lines: color('--vscode-charts-lines', text),
    text,
    muted: withAlpha(text, document.body.classList.contains('vscode-high-contrast') ? 1 : 0.72),
    grid: withAlpha(text, 0.14),
    font: `11px ${style.getPropertyValue('--vscode-font-family') || 'sans-serif'}`,
    focus: color('--vscode-focusBorder', '#007fd4'),
  };
}

/** The colour with another opacity; canvas parses what it is given. */
export function withAlpha(color: string, alpha: number): string {
  probe ??= document.createElement('canvas').getContext('2d');
  const context = probe;
  if (context === null) return color;
  context.fillStyle = '#000';
  context.fillStyle = color;
  const solid = String(context.fillStyle);
  if (!solid.startsWith('#'))
    return solid.replace(
      /rgba?\(([^)]+)\)/,
      (_, parts: string) => `rgba(${parts.split(',').slice(0, 3).join(',')}, ${alpha})`,
    );
  const channel = (at: number) => Number.parseInt(solid.slice(at, at + 2), 16);
  return `rgba(${channel(1)}, ${channel(3)}, ${channel(5)}, ${alpha})`;
}

let probe: CanvasRenderingContext2D | null | undefined;

export const chartTheme = signal<ChartTheme>(read());

/** VS Code changes the body's class and the root's variables with the theme; charts are drawn again. */
export function followTheme(): void {
  const observer = new MutationObserver(() => {
    const next = read();
    if (JSON.stringify(next) !== JSON.stringify(chartTheme.value)) chartTheme.value = next;
  });
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'style'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
}
