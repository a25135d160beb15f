import type { ComponentChildren } from 'preact';
import type { WarningDto } from '../../src/protocol/dto';
import type { ModelSummaryDto } from '../../src/protocol/modelDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { visible } from '../format';
import { engineMessage, isTranslated, t } from '../l10n';
import { act } from '../state/store';
import { Button } from './Button';
import { Original, PartBar } from './ErrorCard';
import { Icon } from './Icon';

/** Full-width notices: what a file would do in Python, what is odd about it, what just failed. */
export function Banners({ state, model }: { readonly state: ViewSnapshotDto; readonly model: ModelSummaryDto }) {
  // Of a file that was refused, what is wrong with it comes first.
  const cut = model.warnings.find(({ values }) => values?.length === 2);
  const dangers = model.warnings.filter(({ code }) => code === 'E_PICKLE_DANGEROUS');
  return (
    <>
      {dangers.length > 0 && (
        <Banner icon="shield" role="alert" testId="safety-banner">
          {dangers.slice(0, 3).map((warning) => (
            <Danger key={warning.message} warning={warning} />
          ))}
          {dangers.length > 3 && <p>{t('and {0} more', dangers.length - 3)}</p>}
          <p>
            {t('The weights below are safe to look at.')}{' '}
            <Button class="link" onClick={() => act('showTab', { tab: 'overview' })}>
              {t('Show all {0} globals', model.safety.globals.length)}
            </Button>
          </p>
        </Banner>
      )}
      {cut?.values !== undefined && (
        <CutFile present={cut.values[0]} total={cut.values[1]} cut={cut.code === 'E_PT_RECOVERED'} />
      )}
      {state.changedOnDisk && (
        <Banner icon="refresh" testId="changed-banner">
          <p>
            <b>{t('The file changed on disk.')}</b> {t('What you see is what was read before.')}{' '}
            <Button class="link" data-testid="reload" onClick={() => act('reload', {})}>
              {t('Reload')}
            </Button>
          </p>
        </Banner>
      )}
      {state.notice !== null && (
        <Banner icon="error" kind="error" role="alert" testId="notice">
          <p>
            <b>{visible(engineMessage(state.notice))}</b>
          </p>
          <Original error={state.notice} />
          {state.notice.hint !== undefined && !isTranslated(state.notice) && <p>{visible(state.notice.hint)}</p>}
          <SourcePlace notice={state.notice} />
        </Banner>
      )}
    </>
  );
}

interface BannerProps {
  readonly icon: string;
  readonly kind?: 'warning' | 'error';
  readonly role?: 'status' | 'alert';
  readonly testId: string;
  readonly children: ComponentChildren;
}

function Banner({ icon, kind = 'warning', role = 'status', testId, children }: BannerProps) {
  return (
    <div class={kind === 'error' ? 'banner error' : 'banner'} role={role} data-testid={testId}>
      <Icon name={icon} kind={kind} />
      <div>{children}</div>
    </div>
  );
}

/** The file ends before its tensors do, or is damaged otherwise: how much of it is there, as a bar and as numbers. */
function CutFile({ present, total, cut }: { readonly present: number; readonly total: number; readonly cut: boolean }) {
  return (
    <Banner icon="warning" testId="cut-banner">
      <p>
        <b>{cut ? t('The file is cut off.') : t('The file is damaged.')}</b>{' '}
        {cut
          ? t(
              '{0} of {1} storages are present; names and shapes are whole, the other values cannot be read.',
              present,
              total,
            )
          : t('This is what can be read all the same: the values of {0} of {1} tensors.', present, total)}
      </p>
      <PartBar part={present} total={total} />
    </Banner>
  );
}

/** Where in a source it failed, as a link that opens it there. */
function SourcePlace({ notice: { where } }: { readonly notice: NonNullable<ViewSnapshotDto['notice']> }) {
  if (where?.file === undefined || !/^line \d+$/.test(where.field ?? '')) return null;
  return (
    <p>
      <Button class="link" data-testid="open-place" onClick={() => act('openPlace', {})}>
        {t('Open {0}, {1}', visible(where.file), t('line {0}', (where.field ?? '').slice(5)))}
      </Button>
    </p>
  );
}

/** The first sentence is the headline. */
function Danger({ warning }: { readonly warning: WarningDto }) {
  const { message } = warning;
  if (isTranslated(warning)) {
    return (
      <>
        <p>
          <b>{engineMessage(warning)}</b>
        </p>
        <Original error={warning} />
      </>
    );
  }
  const end = message.indexOf('Quantscope did not run it.') + 'Quantscope did not run it.'.length;
  return (
    <p>
      <b>{visible(message.slice(0, end))}</b>
      {visible(message.slice(end))}
    </p>
  );
}
