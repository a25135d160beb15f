import type { ForwardResultDto } from '../../src/protocol/forwardDto';
import type { ModelSummaryDto } from '../../src/protocol/modelDto';
import type { ViewSnapshotDto } from '../../src/protocol/viewApi';
import { OutputChart } from '../charts/OutputChart';
import { engineText, t } from '../l10n';
import { act } from '../state/store';
import { ExplainPanel } from './ExplainPanel';
import { ForwardForm } from './ForwardForm';
import { Icon } from './Icon';
import { RuntimeScales } from './RuntimeScales';
import { Legend } from './Segmented';

interface Props {
  readonly state: ViewSnapshotDto;
  readonly model: ModelSummaryDto;
}

/** Float and int8 on the same input, and the scales that were chosen on the way. */
export function ForwardView({ state, model }: Props) {
  const { forward } = state;
  if (model.runnable.length === 0) {
    return <p class="pad muted">{t('This file has no module that can be run by itself: Linear, LSTM and GRU can.')}</p>;
  }
  return (
    <div class="scroll">
      <ForwardForm
        runnable={model.runnable}
        forward={forward}
        inputsFile={state.inputsFile}
        busy={state.busy !== null}
      />
      {forward !== null && (
        <div class={state.forwardStale ? 'stale' : ''}>
          {state.forwardStale && (
            <p class="pad stale-note" role="status">
              <Icon name="history" /> {t('These figures are from before the last change.')}{' '}
              <button type="button" class="link" onClick={() => requestRun()}>
                {t('Run Again')}
              </button>
            </p>
          )}
          <Sentences forward={forward} />
          <RuntimeScales forward={forward} />
          <ExplainPanel />
          <section>
            <div class="title-row">
              <h2>
                {t('Outputs')} <span class="muted">{engineText(forward.series.label)}</span>
              </h2>
              <span class="spacer" />
              <Legend kinds={['float', 'int8', 'difference']} />
            </div>
            <OutputChart series={forward.series} />
          </section>
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

/** The recipe's own printed lines, word for word in every language. */
const printed = {
  float: 'mean absolute value of output tensor values in the FP32 model is',
  quantized: 'mean absolute value of output tensor values in the INT8 model is',
  difference: 'mean absolute value of the difference between the output tensors is',
};

function Sentences({ forward }: { readonly forward: ForwardResultDto }) {
  const { meanAbsFloat, meanAbsQuantized, meanAbsDiff, percent } = forward.accuracy;
  return (
    <section class="sentences">
      <table>
        <tbody>
          <tr>
            <th scope="row">{printed.float}</th>
            <td data-testid="mean-float">{meanAbsFloat.toFixed(5)}</td>
          </tr>
          <tr>
            <th scope="row">{printed.quantized}</th>
            <td data-testid="mean-int8">{meanAbsQuantized.toFixed(5)}</td>
          </tr>
          <tr class="strong">
            <th scope="row">{printed.difference}</th>
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
