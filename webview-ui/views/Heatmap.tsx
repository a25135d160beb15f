import { useEffect, useRef, useState } from 'preact/hooks';
import type { TensorDetailDto, TensorImageDto } from '../../src/protocol/tensorDto';
import { paintCells } from '../charts/paintCells';
import { count, significant } from '../format';
import { t } from '../l10n';
import { page, setPage } from '../state/store';
import { goToElement, image } from '../state/values';
import { Segmented } from './Segmented';

type Layer = 'float' | 'int8' | 'error';

interface LayerProps {
  /** What the quantized layer and the difference are called. */
  readonly int8?: string;
  readonly error?: string;
  readonly value?: Layer;
  onChange?(layer: Layer): void;
}

/** Which layer a picture shows; of a weight, that of the page. */
export function LayerChoice({
  int8 = 'int8',
  error = t('Error'),
  value = page.value.layer,
  onChange = (layer) => setPage({ layer }),
}: LayerProps) {
  return (
    <Segmented
      label={t('Layer')}
      options={[
        ['float', 'float32'],
        ['int8', int8],
        ['error', error],
      ]}
      value={value}
      onChange={onChange}
    />
  );
}

/** The matrix as a picture; a click shows the element in the table. */
export function Heatmap({ tensor }: { readonly tensor: TensorDetailDto }) {
  const shown = image.value;
  const { layer } = page.value;
  return (
    <>
      <div class="title-row tools">
        {tensor.quantization !== null && <LayerChoice />}
        <span class="muted small-text">
          {shown !== null && (shown.height < shown.rows || shown.width < shown.columns)
            ? t('{0} × {1} cells; each shows its value of largest magnitude', shown.height, shown.width)
            : ''}
        </span>
      </div>
      {shown === null ? (
        <div class="bone" />
      ) : (
        <Picture image={shown} layer={layer} name={tensor.name} codes onPick={goToElement} />
      )}
    </>
  );
}

interface PictureProps {
  readonly image: TensorImageDto;
  readonly layer: Layer;
  readonly name: string;
  /** The cells of the int8 layer are whole codes. */
  readonly codes: boolean;
  onPick?(row: number, column: number): void;
}

/** A matrix as coloured cells, with the value under the pointer. */
export function Picture({ image: shown, layer, name, codes, onPick }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [at, setAt] = useState<number>();
  useEffect(() => {
    const target = canvas.current;
    if (target === null) return;
    const paint = () => paintCells(target, shown, layer);
    paint();
    // Colours are the theme's: a change of theme paints again.
    const observer = new MutationObserver(paint);
    observer.observe(document.body, { attributes: true, attributeFilter: ['class'] });
    return () => observer.disconnect();
  }, [shown, layer]);
  const cellAt = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const x = Math.max(
      0,
      Math.min(shown.width - 1, Math.floor(((event.clientX - box.left) / box.width) * shown.width)),
    );
    const y = Math.max(
      0,
      Math.min(shown.height - 1, Math.floor(((event.clientY - box.top) / box.height) * shown.height)),
    );
    return y * shown.width + x;
  };
  const row = (cell: number) => Math.floor((Math.floor(cell / shown.width) * shown.rows) / shown.height);
  const column = (cell: number) => Math.floor(((cell % shown.width) * shown.columns) / shown.width);
  const whole = codes && layer === 'int8';
  const largest = whole ? String(shown.largest) : significant(shown.largest, 3);
  return (
    <div class="heatmap">
      <canvas
        ref={canvas}
        width={shown.width}
        height={shown.height}
        style={{ aspectRatio: `${Math.max(shown.width, 1)} / ${Math.max(shown.height, 1)}` }}
        role="img"
        aria-label={t(
          'Heatmap of {0}, {1} rows and {2} columns, largest magnitude {3}',
          name,
          shown.rows,
          shown.columns,
          largest,
        )}
        data-testid="heatmap"
        onPointerMove={(event) => setAt(cellAt(event))}
        onPointerLeave={() => setAt(undefined)}
        onClick={(event) => onPick?.(row(cellAt(event)), column(cellAt(event)))}
      />
      <div class="heatmap-legend">
        {layer !== 'error' && <span>−{largest}</span>}
        {layer === 'error' && <span>0</span>}
        <span class={`ramp ${layer}`} aria-hidden="true" />
        <span>{largest}</span>
        <span class="spacer" />
        <span class="muted">
          {at === undefined
            ? `${count(shown.rows)} × ${count(shown.columns)}`
            : `[${row(at)}, ${column(at)}] ${whole ? shown.cells[at] : significant(shown.cells[at], 4)}`}
        </span>
      </div>
    </div>
  );
}
