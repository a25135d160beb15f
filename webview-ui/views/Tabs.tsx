import type { ViewSnapshotDto, ViewTab } from '../../src/protocol/viewApi';
import { t } from '../l10n';
import { act } from '../state/store';

interface Props {
  readonly active: ViewTab;
  readonly state: ViewSnapshotDto;
}

function tabsOf({ comparison }: ViewSnapshotDto): readonly (readonly [ViewTab, string])[] {
  return [
    ['overview', t('Overview')],
    ['weights', t('Weights')],
    ['error', t('Error')],
    ['forward', t('Forward')],
    ...(comparison === null ? [] : [['compare', t('Compare')] as const]),
  ];
}

/** One tab stop; arrows move between the tabs. */
export function Tabs({ active, state }: Props) {
  const tabs = tabsOf(state);
  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const next = (tabs.findIndex(([id]) => id === active) + step + tabs.length) % tabs.length;
    act('showTab', { tab: tabs[next][0] });
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role=tab]')[next]?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={t('Detail')} onKeyDown={move}>
      {tabs.map(([id, label]) => (
        <button
          key={id}
          type="button"
          role="tab"
          data-testid={`tab-${id}`}
          aria-selected={id === active}
          tabIndex={id === active ? 0 : -1}
          onClick={() => act('showTab', { tab: id })}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
