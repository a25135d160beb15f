import { useState } from 'preact/hooks';
import type { OverviewDto, TileDto } from '../../src/protocol/modelDto';
import { bytes, count, shortName } from '../format';
import { t } from '../l10n';
import { useSize } from '../views/useSize';
import { type Box, squarify } from './treemapLayout';

interface Props {
  readonly overview: OverviewDto;
  onPick(id: string): void;
}

const mapHeight = 168;

/** Tiles smaller than this on a side are pooled. */
const smallest = 4;

interface Placed {
  readonly tile: TileDto;
  readonly box: Box;
}

/** Where the bytes are: area is size, solid becomes int8, hatched stays float32. */
export function Treemap({ overview, onPick }: Props) {
  const [element, width] = useSize((target) => target.clientWidth);
  const [active, setActive] = useState(0);
  const total = overview.tiles.reduce((sum, tile) => sum + tile.bytes, overview.pooled.bytes);
  const placed = layout(overview, { x: 0, y: 0, width, height: mapHeight });
  const shown = placed.filter(({ box }) => Math.min(box.width, box.height) >= smallest);
  const pooled = placed.length - shown.length + overview.pooled.count;
  const at = Math.min(active, shown.length - 1);
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter' && shown[at] !== undefined) onPick(shown[at].tile.id);
    else if (step === undefined) return;
    else setActive(Math.max(0, Math.min(shown.length - 1, at + step)));
    event.preventDefault();
  };
  return (
    <div
      ref={element}
      class="treemap"
      style={{ height: `${mapHeight}px` }}
      role="listbox"
      tabIndex={0}
      aria-label={t('Size by module')}
      aria-activedescendant={shown.length > 0 ? `tile-${at}` : undefined}
      onKeyDown={keys}
    >
      {shown.map(({ tile, box }, i) => (
        <div
          key={tile.id}
          id={`tile-${i}`}
          class={`tile${tile.quantized ? '' : ' stays'}${i === at ? ' active' : ''}${labelled(box) ? '' : ' bare'}`}
          role="option"
          aria-selected={i === at}
          aria-label={labelled(box) ? undefined : tileText(tile, total)}
          title={`${tileText(tile, total)}\n${t('{0} bytes', count(tile.bytes))}`}
          style={{
            left: `${box.x}px`,
            top: `${box.y}px`,
            width: `${Math.max(0, box.width - 1)}px`,
            height: `${Math.max(0, box.height - 1)}px`,
          }}
          onClick={() => {
            setActive(i);
            onPick(tile.id);
          }}
        >
          {labelled(box) && (
            <>
              <span>{shortName(tile.label || '(root)', Math.floor(box.width / 7))}</span>
              {box.height >= 36 && (
                <span>
                  {bytes(tile.bytes)}
                  {box.width >= 110 && ` · ${percent(tile.bytes, total)}`}
                </span>
              )}
              <span class="visually-hidden">{becomes(tile)}</span>
            </>
          )}
        </div>
      ))}
      {pooled > 0 && <span class="pooled">{t('{0} more', count(pooled))}</span>}
    </div>
  );
}

function percent(part: number, total: number): string {
  return `${((100 * part) / total).toFixed(1)} %`;
}

/** Large enough for its name. */
function labelled({ width, height }: Box): boolean {
  return width >= 44 && height >= 18;
}

function becomes({ quantized }: TileDto): string {
  return quantized ? t('Quantize changes it') : t('stays float32');
}

function tileText(tile: TileDto, total: number): string {
  return `${tile.label || '(root)'} ${bytes(tile.bytes)} · ${percent(tile.bytes, total)}, ${becomes(tile)}`;
}

/** Modules first, then the tiles inside each. */
function layout({ tiles }: OverviewDto, box: Box): Placed[] {
  const groups = new Map<string, TileDto[]>();
  for (const tile of tiles) {
    const list = groups.get(tile.group) ?? [];
    list.push(tile);
    groups.set(tile.group, list);
  }
  const size = (list: readonly TileDto[]) => list.reduce((sum, tile) => sum + tile.bytes, 0);
  const sorted = [...groups.values()].sort((a, b) => size(b) - size(a));
  const boxes = squarify(sorted.map(size), box);
  return sorted.flatMap((list, i) => {
    const inside = squarify(
      list.map((tile) => tile.bytes),
      boxes[i],
    );
    return list.map((tile, j) => ({ tile, box: inside[j] }));
  });
}
