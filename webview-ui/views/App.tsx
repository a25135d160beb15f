import { useEffect } from 'preact/hooks';
import { t } from '../l10n';
import { act, page, snapshot, wide } from '../state/store';
import { Banners } from './Banners';
import { CompareView } from './CompareView';
import { EmptyState, ErrorCard } from './ErrorCard';
import { ErrorTable } from './ErrorTable';
import { ErrorView } from './ErrorView';
import { ForwardView } from './ForwardView';
import { Header } from './Header';
import { Overview } from './Overview';
import { ProductTable } from './ProductTable';
import { ReprPanel } from './ReprPanel';
import { Sash } from './Sash';
import { Tabs } from './Tabs';
import { TreeTable } from './TreeTable';
import { WeightsView } from './WeightsView';

/** The inspector as an editor: header, tree on the left, the selected module on the right. */
export function App() {
  const state = snapshot.value;
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && snapshot.value?.busy) act('cancel', {});
      if (event.key === 'z' && (event.ctrlKey || event.metaKey) && !isField(event.target) && snapshot.value?.canUndo)
        act('undo', {});
      if (event.key === 'f' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        document.getElementById('filter')?.focus();
      }
    };
    window.addEventListener('keydown', keys);
    return () => window.removeEventListener('keydown', keys);
  }, []);
  if (state === null) return <Loading file="" />;
  if (state.phase === 'empty') return <EmptyState />;
  if (state.phase === 'failed' && state.error !== null) return <ErrorCard error={state.error} file={state.file} />;
  if (state.phase === 'loading' || state.model === null) return <Loading file={state.file} />;
  const { widths } = page.value;
  const forward = state.tab === 'forward' && state.forward !== null;
  // Over 1600 px the weights and their error stand side by side, and the tree stays.
  const both = wide.value && (state.tab === 'weights' || state.tab === 'error');
  const error = !both && state.tab === 'error' && (state.sensitivity?.layers.length ?? 0) > 0;
  return (
    <div class="app">
      <Banners state={state} model={state.model} />
      <Header state={state} model={state.model} />
      <div
        style={widths[state.tab] === undefined ? undefined : { '--panes': `${widths[state.tab]}% 1fr` }}
        class={`body ${both ? 'three' : forward ? 'narrow-left' : error ? 'wide-left' : state.tab === 'compare' ? 'even' : ''}`}
      >
        <div class="left" role="region" aria-label={forward ? t('Quantized products') : t('Modules and tensors')}>
          {forward && state.forward !== null ? (
            <ProductTable forward={state.forward} stale={state.forwardStale} />
          ) : error && state.sensitivity !== null ? (
            <ErrorTable found={state.sensitivity} state={state} />
          ) : (
            <TreeTable />
          )}
          {!forward && !error && <ReprPanel state={state} model={state.model} />}
        </div>
        <main class="right">
          <Sash tab={state.tab} />
          <Tabs active={state.tab} state={state} />
          {state.tab === 'overview' && <Overview state={state} model={state.model} />}
          {both && (
            <div class="pair">
              <WeightsView />
              <div class="beside" role="region" aria-label={t('Error')}>
                <ErrorView state={state} table />
              </div>
            </div>
          )}
          {!both && state.tab === 'weights' && <WeightsView />}
          {state.tab === 'compare' && state.comparison !== null && <CompareView comparison={state.comparison} />}
          {!both && state.tab === 'error' && <ErrorView state={state} />}
          {state.tab === 'forward' && <ForwardView state={state} model={state.model} />}
        </main>
      </div>
    </div>
  );
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

/** The page before the header is read: the same layout, empty. */
function Loading({ file }: { readonly file: string }) {
  return (
    <div class="app" aria-busy="true">
      <div class="progress indeterminate" />
      <header class="header">
        <div class="title">
          <h1>{file}</h1> <span class="muted">{t('Reading the header…')}</span>
        </div>
      </header>
      <div class="skeleton" aria-hidden="true">
        {[60, 45, 70, 52, 38].map((width) => (
          <div key={width} class="bone" style={{ width: `${width}%` }} />
        ))}
      </div>
    </div>
  );
}
