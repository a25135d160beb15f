import { useRef } from 'preact/hooks';
import type { ViewTab } from '../../src/protocol/viewApi';
import { t } from '../l10n';
import { page, setPage } from '../state/store';

const narrowest = 20;
const widest = 80;
const usual: Partial<Record<ViewTab, number>> = { forward: 32, error: 62 };

/** The border between the panes: dragged or moved by arrows, back to its place by a double click. */
export function Sash({ tab }: { readonly tab: ViewTab }) {
  const element = useRef<HTMLDivElement>(null);
  const width = page.value.widths[tab] ?? usual[tab] ?? 55;
  const set = (value: number) =>
    setPage({ widths: { ...page.value.widths, [tab]: Math.max(narrowest, Math.min(widest, value)) } });
  const drag = (event: PointerEvent) => {
    const body = element.current?.closest('.body')?.getBoundingClientRect();
    if (event.buttons === 1 && body !== undefined) set((100 * (event.clientX - body.left)) / body.width);
  };
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    set(width + step);
  };
  return (
    <div
      ref={element}
      class="sash"
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={t('Width of the panes')}
      aria-valuemin={narrowest}
      aria-valuemax={widest}
      aria-valuenow={Math.round(width)}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onDblClick={() => setPage({ widths: { ...page.value.widths, [tab]: undefined } })}
      onKeyDown={keys}
    />
  );
}
