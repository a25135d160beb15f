import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { visible } from '../format';
import { engineText, t } from '../l10n';
import { act } from '../state/store';
import { Button } from './Button';
import { PlanEditor } from './PlanEditor';

/** By what the whole model runs, what that takes for granted, and the other ways. */
export function WholeModel({ state }: { readonly state: ViewSnapshotDto }) {
  const { whole, model, plan } = state;
  if (model === null) return null;
  if (model.code === 'onnx') {
    return (
      <section class="whole" data-testid="whole">
        <p class="muted">
          {t(
            'ONNX Runtime runs the whole graph on one thread: as it is, and as dynamic quantization rewrites what is ticked. Its sums cannot be explained number by number.',
          )}
        </p>
        <Notes notes={whole?.notes ?? []} />
      </section>
    );
  }
  const busy = state.busy !== null;
  const { printed = [], notes = whole?.notes ?? [] } = state.forward?.program ?? {};
  return (
    <section class="whole" data-testid="whole">
      <p class="muted">
        {whole === null &&
          (model.className === undefined
            ? t('A state dict does not say how its modules are joined.')
            : t('The file names its class, {0}, but does not carry its code.', visible(model.className)))}
        {whole?.by === 'source' &&
          t('{0} of {1} runs the whole model; Python does not.', visible(whole.className), visible(whole.file))}
        {whole?.by === 'archive' && t('The archive’s own code runs the whole model.')}
        {whole?.by === 'plan' && t('A plan is an assumption: read it before you believe its numbers.')}{' '}
        {whole?.by !== 'archive' && (
          <Button class="link" disabled={busy} data-testid="choose-code" onClick={() => act('chooseCode', {})}>
            {whole?.by === 'source' ? t('Another class…') : t('Choose the class…')}
          </Button>
        )}{' '}
        {whole === null && (
          <Button class="link" disabled={busy} data-testid="propose-plan" onClick={() => act('proposePlan', {})}>
            {t('Propose a forward plan')}
          </Button>
        )}
        {(whole?.by === 'source' || whole?.by === 'plan') && (
          <Button class="link" disabled={busy} onClick={() => act('forgetCode', {})}>
            {t('Single modules only')}
          </Button>
        )}
      </p>
      {/* What a plan assumes stands in its table. */}
      {whole !== null && <Notes notes={notes.filter((note) => !note.startsWith('assumed: '))} />}
      {whole?.by === 'plan' && plan !== null && <PlanEditor report={plan} busy={busy} />}
      {printed.length > 0 && (
        <details>
          <summary>{t('Printed by the model')}</summary>
          <pre class="repr">{printed.map(visible).join('\n')}</pre>
        </details>
      )}
    </section>
  );
}

/** Assumptions that a person should know. */
function Notes({ notes }: { readonly notes: readonly string[] }) {
  if (notes.length === 0) return null;
  return (
    <ul class="notes muted">
      {notes.map((note) => (
        <li key={note}>{engineText(visible(note))}</li>
      ))}
    </ul>
  );
}
