import { printedForm } from '../../src/protocol/formNames';
import type { ForwardResultDto } from '../../src/protocol/forwardDto';
import type { ModelSummaryDto } from '../../src/protocol/modelDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { t } from '../l10n';
import { act } from '../state/store';
import { Button } from './Button';
import { ExplainPanel } from './ExplainPanel';
import { choicesOf, ForwardForm } from './ForwardForm';
import { Icon } from './Icon';
import { Outputs } from './Outputs';
import { RuntimeScales } from './RuntimeScales';
import { WholeModel } from './WholeModel';

interface Props {
  readonly state: ViewSnapshotDto;
  readonly model: ModelSummaryDto;
}

/** Float and int8 on the same input, and the scales that were chosen on the way. */
export function ForwardView({ state, model }: Props) {
  const { forward } = state;
  const choices = choicesOf(state);
  return (
    <div class="scroll">
      {choices.length > 0 && <ForwardForm key={state.whole?.className ?? ''} state={state} />}
      <WholeModel state={state} />
      {choices.length === 0 && model.code !== 'onnx' && (
        <p class="pad muted">{t('This file has no module that can be run by itself: Linear, LSTM and GRU can.')}</p>
      )}
      {forward !== null && (
        <div class={state.forwardStale ? 'stale' : ''}>
          {state.forwardStale && (
            <p class="pad stale-note" role="status">
              <Icon name="history" /> {t('These figures are from before the last change.')}{' '}
              <Button class="link" onClick={() => requestRun()}>
                {t('Run Again')}
              </Button>
            </p>
          )}
          {forward.stored && (
            <p class="pad muted" data-testid="stored-note">
              {t('This file is quantized already: float here means the values that its stored codes stand for.')}
            </p>
          )}
          {forward.same !== undefined && (
            <p class="pad muted" data-testid="same-note">
              {forward.same === 'stored'
                ? t('This graph was quantized before it was saved: float32 and int8 below are the same graph.')
                : t('Nothing in this graph is quantized: float32 and int8 below are the same graph.')}
            </p>
          )}
          <Sentences forward={forward} />
          <RuntimeScales forward={forward} />
          {forward.runtime === undefined && <ExplainPanel />}
          <Outputs forward={forward} busy={state.busy !== null} />
        </div>
      )}
    </div>
  );
}

function requestRun(): void {
  const form = document.getElementById('forward-form');
  if (form instanceof HTMLFormElement) form.requestSubmit();
  else act('showTab', { tab: 'forward' });
}

function Sentences({ forward }: { readonly forward: ForwardResultDto }) {
  // The recipe's own printed lines, word for word in every language.
  const valuesIn = (form: string) => `mean absolute value of output tensor values in the ${form} model is`;
  const { meanAbsFloat, meanAbsQuantized, meanAbsDiff, percent } = forward.accuracy;
  return (
    <section class="sentences">
      <table>
        <tbody>
          <tr>
            <th scope="row">{valuesIn('FP32')}</th>
            <td data-testid="mean-float">{meanAbsFloat.toFixed(5)}</td>
          </tr>
          <tr>
            <th scope="row">{valuesIn(printedForm(forward.form))}</th>
            <td data-testid="mean-int8">{meanAbsQuantized.toFixed(5)}</td>
          </tr>
          <tr class="strong">
            <th scope="row">{'mean absolute value of the difference between the output tensors is'}</th>
            <td>
              <span data-testid="mean-diff">{meanAbsDiff.toFixed(5)}</span>
            </td>
            <td>
              <span class="plain">or</span> <span data-testid="percent">{percent.toFixed(2)}</span>{' '}
              <span class="plain">percent</span>
            </td>
          </tr>
        </tbody>
      </table>
    </section>
  );
}
